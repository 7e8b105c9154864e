"""A process that stood still does nothing more for others' partitions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from tests.fakes import FakeClock
from tests.runner.harness import Harness, some_turns, until
from worker.core import backoff
from worker.core.answer import Response
from worker.core.assigned_partition import Position
from worker.core.record import Partition
from worker.runner import stall
from worker.runner.stall import STOOD_STILL_SECONDS, StallDetector

LONG = STOOD_STILL_SECONDS + 0.5


async def test_no_request_until_a_commit_counts() -> None:
    """After a standstill no request starts until the group takes a commit, though it is of nothing new."""
    async with Harness() as harness:
        harness.source.assign(harness.first)
        harness.write(0)
        await harness.committed(1)
        harness.source.refusing = "not a member"
        harness.time.advance(LONG)
        harness.write(1)
        await some_turns()
        assert harness.clicks == ["c-0"]
        assert f"the process stood still for {LONG:.1f} s" in harness.heard.troubles
        harness.source.refusing = None
        await harness.committed(2)
        assert harness.clicks == ["c-0", "c-1"]


async def test_a_commit_from_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that was under way before the standstill tells nothing of after it."""
    async with Harness() as harness:
        begun: list[Mapping[Partition, Position]] = []
        gates = [asyncio.Event(), asyncio.Event()]
        really = harness.source.commit

        async def commit(positions: Mapping[Partition, Position]) -> Mapping[Partition, Position]:
            begun.append(positions)
            if gates:
                await gates[0].wait()
                gates.pop(0)
            return await really(positions)

        monkeypatch.setattr(harness.source, "commit", commit)
        harness.source.assign(harness.first)
        harness.write(0)
        await until("a commit is under way", lambda: len(begun) == 1)
        harness.time.advance(LONG)
        harness.write(1)
        await some_turns()
        gates[0].set()
        await until("the next one is under way", lambda: len(begun) == 2)
        await some_turns()
        assert harness.clicks == ["c-0"]
        gates[0].set()
        await harness.committed(2)
        assert harness.clicks == ["c-0", "c-1"]


async def fail_after_a_standstill(harness: Harness) -> None:
    """Have a request under way over a standstill; its answer comes after it, while commits are refused."""
    harness.source.assign(harness.first)
    harness.sender.gate.clear()
    harness.write(0)
    await harness.sent(1)
    harness.source.refusing = "not a member"
    harness.time.advance(LONG)
    harness.sender.gate.set()
    await until("the answer", lambda: harness.heard.requests == 1)


async def test_no_publish_until_a_commit_counts() -> None:
    """A failure heard after a standstill is published when a commit has counted."""
    async with Harness(Response(500)) as harness:
        await fail_after_a_standstill(harness)
        await some_turns()
        assert harness.kafka.logs[harness.tier] == []
        harness.source.refusing = None
        await harness.ended(1)
        assert len(harness.kafka.logs[harness.tier]) == 1


async def test_no_publish_for_what_was_lost() -> None:
    """A failure heard after a standstill is not published when its partition turns out to be another's."""
    async with Harness(Response(500)) as harness:
        await fail_after_a_standstill(harness)
        harness.source.lose(harness.first)
        harness.source.refusing = None
        harness.source.assign(harness.second)
        harness.write(1, at=harness.second)
        await harness.committed(1, at=harness.second)
        assert harness.kafka.logs[harness.tier] == []


async def test_a_refused_publish_over_a_standstill(monkeypatch: pytest.MonkeyPatch) -> None:
    """A publish that the broker refused is tried again after a standstill when a commit has counted."""
    monkeypatch.setattr(backoff, "FIRST_SECONDS", 0.001)
    async with Harness(Response(500)) as harness:
        harness.source.assign(harness.first)
        harness.publisher.refusing = "too large"
        harness.write(0)
        await until("refused", lambda: bool(harness.heard.refusals))
        harness.source.refusing = "not a member"
        harness.time.advance(LONG)
        harness.write(1)
        await some_turns()
        tried, commits = len(harness.heard.refusals), len(harness.heard.commits)
        await until("two commits are refused", lambda: len(harness.heard.commits) >= commits + 2)
        assert len(harness.heard.refusals) == tried
        harness.publisher.refusing = harness.source.refusing = None
        await until("published", lambda: len(harness.kafka.logs[harness.tier]) == 1)


async def test_all_lost_meanwhile() -> None:
    """When what a still process had was lost, what it gets next flows."""
    async with Harness() as harness:
        harness.source.assign(harness.first)
        harness.write(0)
        await harness.committed(1)
        harness.source.refusing = "not a member"
        harness.time.advance(LONG)
        harness.write(1)
        await some_turns()
        harness.source.lose(harness.first)
        harness.source.refusing = None
        harness.source.assign(harness.second)
        harness.write(2, at=harness.second)
        await harness.committed(1, at=harness.second)
        assert harness.clicks == ["c-0", "c-2"]


def test_a_standstill_is_told_once() -> None:
    """A gap longer than STILL is reported, once, in seconds; a shorter one is not."""
    clock, told = FakeClock(), list[str]()
    felt = StallDetector(clock, told.append)
    clock.advance(STOOD_STILL_SECONDS)
    felt.check_in(clock.now(), clock.monotonic())
    assert told == []
    clock.advance(0.5)
    felt.check_in(clock.now(), clock.monotonic())
    felt.check_in(clock.now(), clock.monotonic())
    assert told == [f"the process stood still for {LONG:.1f} s"]


def test_a_suspended_machine() -> None:
    """The monotonic clock stands still with a suspended machine; the wall clock tells, or was set."""
    clock, told = FakeClock(), list[str]()
    felt = StallDetector(clock, told.append)
    clock.step(3600.0)
    felt.check_in(clock.now(), clock.monotonic())
    jump = "the wall clock jumped ahead by 3600.0 s"
    assert told == [f"{jump}: the machine was suspended, or its clock was set"]


class CountingClock(FakeClock):
    """Counts how often it is looked at."""

    looks = 0

    def monotonic(self) -> float:
        self.looks += 1
        return super().monotonic()


async def test_it_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the loop turns, short times do not add up to a standstill; one is told without a question."""
    monkeypatch.setattr(stall, "_BEAT_SECONDS", 0.001)
    clock, told = CountingClock(), list[str]()
    felt = StallDetector(clock, told.append)
    felt.start()
    for _ in range(3):
        clock.advance(STOOD_STILL_SECONDS / 2)
        looks = clock.looks
        await until("a beat", lambda before=looks: clock.looks > before)  # type: ignore[misc]
    assert told == []
    clock.advance(LONG)
    await until("told", lambda: told == [f"the process stood still for {LONG:.1f} s"])
    felt.stop()


async def test_once_stopped_it_tells_nothing() -> None:
    """What passes after its end is no standstill."""
    clock, told = FakeClock(), list[str]()
    felt = StallDetector(clock, told.append)
    felt.start()
    felt.stop()
    clock.advance(LONG)
    felt.check_in(clock.now(), clock.monotonic())
    assert told == []
