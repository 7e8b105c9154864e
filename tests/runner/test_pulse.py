"""A process that stood still does nothing more for others' partitions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from tests.fakes import FakeClock
from tests.runner.stage import Stage, some_turns, until
from worker.core.answer import Response
from worker.core.holding import Position
from worker.core.record import Partition
from worker.runner import pulse, settling
from worker.runner.pulse import STILL, Pulse

LONG = STILL + 0.5


async def test_no_request_until_a_commit_counts() -> None:
    """After a standstill no request starts until the group takes a commit, though it is of nothing new."""
    async with Stage() as stage:
        stage.source.assign(stage.first)
        stage.write(0)
        await stage.committed(1)
        stage.source.refusing = "not a member"
        stage.time.advance(LONG)
        stage.write(1)
        await some_turns()
        assert stage.clicks == ["c-0"]
        assert f"the process stood still for {LONG:.1f} s" in stage.heard.troubles
        stage.source.refusing = None
        await stage.committed(2)
        assert stage.clicks == ["c-0", "c-1"]


async def test_a_commit_from_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that was under way before the standstill tells nothing of after it."""
    async with Stage() as stage:
        begun: list[Mapping[Partition, Position]] = []
        gates = [asyncio.Event(), asyncio.Event()]
        really = stage.source.commit

        async def commit(positions: Mapping[Partition, Position]) -> Mapping[Partition, Position]:
            begun.append(positions)
            if gates:
                await gates[0].wait()
                gates.pop(0)
            return await really(positions)

        monkeypatch.setattr(stage.source, "commit", commit)
        stage.source.assign(stage.first)
        stage.write(0)
        await until("a commit is under way", lambda: len(begun) == 1)
        stage.time.advance(LONG)
        stage.write(1)
        await some_turns()
        gates[0].set()
        await until("the next one is under way", lambda: len(begun) == 2)
        await some_turns()
        assert stage.clicks == ["c-0"]
        gates[0].set()
        await stage.committed(2)
        assert stage.clicks == ["c-0", "c-1"]


async def fail_after_a_standstill(stage: Stage) -> None:
    """Have a request under way over a standstill; its answer comes after it, while commits are refused."""
    stage.source.assign(stage.first)
    stage.sender.gate.clear()
    stage.write(0)
    await stage.sent(1)
    stage.source.refusing = "not a member"
    stage.time.advance(LONG)
    stage.sender.gate.set()
    await until("the answer", lambda: stage.heard.requests == 1)


async def test_no_publish_until_a_commit_counts() -> None:
    """A failure heard after a standstill is published when a commit has counted."""
    async with Stage(Response(500)) as stage:
        await fail_after_a_standstill(stage)
        await some_turns()
        assert stage.kafka.logs[stage.tier] == []
        stage.source.refusing = None
        await stage.ended(1)
        assert len(stage.kafka.logs[stage.tier]) == 1


async def test_no_publish_for_what_was_lost() -> None:
    """A failure heard after a standstill is not published when its partition turns out to be another's."""
    async with Stage(Response(500)) as stage:
        await fail_after_a_standstill(stage)
        stage.source.lose(stage.first)
        stage.source.refusing = None
        stage.source.assign(stage.second)
        stage.write(1, at=stage.second)
        await stage.committed(1, at=stage.second)
        assert stage.kafka.logs[stage.tier] == []


async def test_a_refused_publish_over_a_standstill(monkeypatch: pytest.MonkeyPatch) -> None:
    """A publish that the broker refused is tried again after a standstill when a commit has counted."""
    monkeypatch.setattr(settling, "_LONGEST_PAUSE", 0.001)
    monkeypatch.setattr(settling, "_FIRST_PAUSE", 0.001)
    async with Stage(Response(500)) as stage:
        stage.source.assign(stage.first)
        stage.publisher.refusing = "too large"
        stage.write(0)
        await until("refused", lambda: bool(stage.heard.refusals))
        stage.source.refusing = "not a member"
        stage.time.advance(LONG)
        stage.write(1)
        await some_turns()
        tried, commits = len(stage.heard.refusals), len(stage.heard.commits)
        await until("two commits are refused", lambda: len(stage.heard.commits) >= commits + 2)
        assert len(stage.heard.refusals) == tried
        stage.publisher.refusing = stage.source.refusing = None
        await until("published", lambda: len(stage.kafka.logs[stage.tier]) == 1)


async def test_all_lost_meanwhile() -> None:
    """When what a still process had was lost, what it gets next flows."""
    async with Stage() as stage:
        stage.source.assign(stage.first)
        stage.write(0)
        await stage.committed(1)
        stage.source.refusing = "not a member"
        stage.time.advance(LONG)
        stage.write(1)
        await some_turns()
        stage.source.lose(stage.first)
        stage.source.refusing = None
        stage.source.assign(stage.second)
        stage.write(2, at=stage.second)
        await stage.committed(1, at=stage.second)
        assert stage.clicks == ["c-0", "c-2"]


def test_a_standstill_is_told_once() -> None:
    """A gap longer than STILL is told, once, in seconds; a shorter one is not."""
    clock, told = FakeClock(), list[float]()
    felt = Pulse(clock, told.append)
    clock.advance(STILL)
    felt.feel(clock.now(), clock.monotonic())
    assert told == []
    clock.advance(0.5)
    felt.feel(clock.now(), clock.monotonic())
    felt.feel(clock.now(), clock.monotonic())
    assert told == [LONG]


def test_a_suspended_machine() -> None:
    """The monotonic clock stands still with a suspended machine; the wall clock tells."""
    clock, told = FakeClock(), list[float]()
    felt = Pulse(clock, told.append)
    clock.step(3600.0)
    felt.feel(clock.now(), clock.monotonic())
    assert told == [3600.0]


class CountingClock(FakeClock):
    """Counts how often it is looked at."""

    looks = 0

    def monotonic(self) -> float:
        self.looks += 1
        return super().monotonic()


async def test_it_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the loop turns, short times do not add up to a standstill; one is told without a question."""
    monkeypatch.setattr(pulse, "_BEAT", 0.001)
    clock, told = CountingClock(), list[float]()
    felt = Pulse(clock, told.append)
    felt.start()
    for _ in range(3):
        clock.advance(STILL / 2)
        looks = clock.looks
        await until("a beat", lambda before=looks: clock.looks > before)  # type: ignore[misc]
    assert told == []
    clock.advance(LONG)
    await until("told", lambda: told == [LONG])
    felt.stop()


async def test_once_stopped_it_tells_nothing() -> None:
    """What passes after its end is no standstill."""
    clock, told = FakeClock(), list[float]()
    felt = Pulse(clock, told.append)
    felt.start()
    felt.stop()
    clock.advance(LONG)
    felt.feel(clock.now(), clock.monotonic())
    assert told == []
