"""The group's offsets are remembered on the control topic, written now and then and at the end."""

from __future__ import annotations

import asyncio

import pytest

from tests.runner.harness import Harness, until
from worker.core.assigned_partition import Position
from worker.core.binding import Binding, Identity, LogId
from worker.core.offset_map import encode
from worker.core.record import Partition
from worker.core.remembered_offsets import recall
from worker.runner import remembered_offsets

CONTROL = "worker.control"


def remembered(harness: Harness) -> list[tuple[Partition, int]]:
    """What was written, in order."""
    found = [recall(record.key, record.value) for record in harness.kafka.records(CONTROL)]
    return [(at, of.offset) for at, of in (one for one in found if one is not None)]


async def test_at_the_end() -> None:
    """At the end of a drain each committed offset is remembered, once."""
    async with Harness(control=CONTROL) as harness:
        harness.kafka.create(CONTROL)
        harness.source.assign(harness.first, harness.second)
        harness.write(0, 1, 2)
        await harness.committed(3)
        await harness.end()
        assert sorted(remembered(harness)) == [(harness.first, 3), (harness.second, 0)]


async def test_given_away() -> None:
    """What is given away is remembered before it is: should nobody take it up, nobody else will write it."""
    async with Harness(control=CONTROL) as harness:
        harness.kafka.create(CONTROL)
        harness.source.assign(harness.first, harness.second)
        harness.write(0, 1, 2)
        await harness.committed(3)
        harness.publisher.gate.clear()
        given_away = asyncio.create_task(harness.source.revoke(harness.first))
        await until("it is written", lambda: remembered(harness) == [(harness.first, 3)])
        assert not given_away.done(), "the next one must not write before us"
        harness.publisher.gate.set()
        await given_away
        await harness.end()
        assert remembered(harness) == [(harness.first, 3), (harness.second, 0)]


async def test_giving_away_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that does not acknowledge it holds up no rebalance."""
    monkeypatch.setattr(remembered_offsets, "LEAVE_SECONDS", 0.05)
    async with Harness(control=CONTROL) as harness:
        harness.kafka.create(CONTROL)
        harness.source.assign(harness.first)
        harness.write(0)
        await harness.committed(1)
        harness.publisher.gate.clear()
        await harness.source.revoke(harness.first)
        assert "it was not acknowledged in time" in harness.heard.troubles[0]


async def test_what_is_another_deployments() -> None:
    """Of a partition that rests as another deployment's nothing is remembered when it goes."""
    async with Harness(control=CONTROL) as harness:
        harness.kafka.create(CONTROL)
        theirs = Binding(LogId(), Identity("leads", "partner"))
        harness.kafka.committed[harness.first] = Position(2, encode(2, None, theirs))
        harness.source.assign(harness.first)
        await harness.source.revoke(harness.first)
        assert remembered(harness) == []


async def test_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it works what changed is written now and then, and what did not is not."""
    monkeypatch.setattr(remembered_offsets, "WRITE_EVERY_SECONDS", 0.02)
    async with Harness(control=CONTROL) as harness:
        harness.kafka.create(CONTROL)
        harness.source.assign(harness.first, harness.second)
        harness.write(0)
        await until("one", lambda: (harness.first, 1) in remembered(harness))
        harness.write(1)
        await until("two", lambda: (harness.first, 2) in remembered(harness))
        assert remembered(harness).count((harness.second, 0)) <= 1


async def test_without_a_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the control topic is missing that is said once, and the work goes on."""
    monkeypatch.setattr(remembered_offsets, "WRITE_EVERY_SECONDS", 0.01)
    async with Harness(control=CONTROL) as harness:
        harness.source.assign(harness.first)
        for number in range(5):
            harness.write(number)
            await harness.committed(number + 1)
        await until("the trouble", lambda: bool(harness.heard.troubles))
        await harness.end()
        (line,) = harness.heard.troubles
        assert line.startswith(f"what the group must not forget can't be written to {CONTROL}: topic")


async def test_the_last_time_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that does not acknowledge the last of it does not hold up the end."""
    monkeypatch.setattr(remembered_offsets, "LAST_WRITE_SECONDS", 0.05)
    async with Harness(control=CONTROL) as harness:
        harness.kafka.create(CONTROL)
        harness.source.assign(harness.first)
        harness.write(0)
        await harness.committed(1)
        harness.publisher.gate.clear()
        await harness.end()
        assert "it was not acknowledged in time" in harness.heard.troubles[0]
