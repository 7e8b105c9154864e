"""A second record of an event is not sent: it ends as a copy, whatever became of the first, and where."""

from __future__ import annotations

import asyncio
from collections import Counter

from schemas import WorkerHeaders
from schemas.journal import StepKind
from tests.runner.copies import ids, told
from tests.runner.harness import (
    SHORT,
    Harness,
    conversion,
    some_turns,
)
from worker.core.admission.held import HeldReason
from worker.core.answer import Response


async def test_delivered_before() -> None:
    """A second record of a delivered event is not sent; its step says so, and its offset is committed."""
    async with Harness(copies=ids()) as harness:
        harness.source.assign(harness.first)
        harness.write(1)
        await harness.committed(1)
        harness.write(1, 2)
        await harness.committed(3)
    assert harness.clicks == ["c-1", "c-2"]
    assert told(harness) == [
        ("delivered", "conversions/0/0"),
        ("duplicate", "conversions/0/1"),
        ("delivered", "conversions/0/2"),
    ]
    (copy,) = [step for step in harness.steps if step.step is StepKind.DUPLICATE]
    assert (copy.event_id, copy.click_id, copy.attempt, copy.status) == ("e-1", "c-1", None, None)
    assert harness.heard.duplicates == [1]


async def test_without() -> None:
    """Where nothing is remembered a second record is sent, as the first."""
    async with Harness(journal=True) as harness:
        harness.source.assign(harness.first)
        harness.write(1, 1)
        await harness.committed(2)
    assert harness.clicks == ["c-1", "c-1"]


async def test_at_once() -> None:
    """Of records of one event that come together the first is sent, and the others wait for its ending."""
    async with Harness(copies=ids()) as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first)
        harness.write(1, 1, 1, 2)
        await harness.sent(2)
        await some_turns()
        assert harness.heard.duplicates == []
        harness.sender.gate.set()
        await harness.committed(4)
    assert harness.clicks == ["c-1", "c-2"]
    assert Counter(step for step, _ in told(harness)) == {"delivered": 2, "duplicate": 2}


async def test_while_it_waits() -> None:
    """A second record is a copy while the first waits in a tier, and once that has been delivered."""
    async with Harness(Response(500), copies=ids()) as harness:
        harness.source.assign(harness.first, harness.tier)
        harness.write(1)
        await harness.committed(1)
        harness.write(1)
        await harness.committed(2)
        harness.time.advance(SHORT.seconds)
        await harness.committed(1, harness.tier)
        harness.write(1)
        await harness.committed(3)
    assert harness.clicks == ["c-1", "c-1"]
    assert told(harness) == [
        ("retry", "conversions/0/0"),
        ("duplicate", "conversions/0/1"),
        ("delivered", "conversions/0/0"),
        ("duplicate", "conversions/0/2"),
    ]


async def test_dead_before() -> None:
    """A second record of a dead event is a copy; a replay of it is sent, and its second one is not."""
    async with Harness(Response(410), copies=ids()) as harness:
        harness.source.assign(harness.first)
        harness.write(1)
        await harness.committed(1)
        harness.write(1)
        await harness.committed(2)
        for _ in range(2):
            harness.kafka.append(harness.first, conversion(1), b"key", WorkerHeaders(replays=1).write())
        await harness.committed(4)
    assert harness.clicks == ["c-1", "c-1"]
    assert sorted(told(harness)) == [
        ("dead", "conversions/0/0"),
        ("delivered", "conversions/0/2"),
        ("duplicate", "conversions/0/1"),
        ("duplicate", "conversions/0/3"),
    ]


async def test_a_replay_of_a_delivered_one() -> None:
    """A replay of what was delivered is a copy."""
    async with Harness(copies=ids()) as harness:
        harness.source.assign(harness.first)
        harness.write(1)
        await harness.committed(1)
        harness.kafka.append(harness.first, conversion(1), b"key", WorkerHeaders(replays=3).write())
        await harness.committed(2)
    assert harness.clicks == ["c-1"]


async def test_other_partitions() -> None:
    """The same event id in another partition is another conversion."""
    async with Harness(copies=ids()) as harness:
        harness.source.assign(harness.first, harness.second)
        harness.write(1)
        harness.write(1, at=harness.second)
        await harness.committed(1)
        await harness.committed(1, harness.second)
    assert harness.clicks == ["c-1", "c-1"]


async def test_finished_by_another_worker() -> None:
    """What another worker has delivered is a copy here, and its own record, read again, adds no step."""
    async with Harness(copies=ids(), worker="another") as before:
        before.source.assign(before.first)
        before.write(1, 2)
        await before.committed(2)
    before.kafka.committed.clear()
    async with Harness(copies=ids(), kafka=before.kafka) as harness:
        harness.source.assign(harness.first)
        harness.write(1, 3)
        await harness.committed(4)
    assert harness.clicks == ["c-3"]
    assert told(harness)[2:] == [("duplicate", "conversions/0/2"), ("delivered", "conversions/0/3")]
    assert harness.heard.skips == [0, 1]


async def test_a_copy_read_again() -> None:
    """A copy that was read again after a crash adds no second step."""
    async with Harness(copies=ids(), worker="another") as before:
        before.source.assign(before.first)
        before.write(1, 1)
        await before.committed(2)
    before.kafka.committed.clear()
    async with Harness(copies=ids(), kafka=before.kafka) as harness:
        harness.source.assign(harness.first)
        await harness.committed(2)
    assert not harness.clicks
    assert sorted(told(harness)) == [("delivered", "conversions/0/0"), ("duplicate", "conversions/0/1")]


async def test_warming() -> None:
    """Nothing of a partition is sent before its journal is read; it is reported as warming, and then sent."""
    harness = Harness(copies=ids())
    harness.follower.gate.clear()
    async with harness:
        harness.write(1)
        harness.source.assign(harness.first)
        await some_turns()
        assert not harness.sender.requests
        assert harness.runner.snapshot().held == {HeldReason.WARMING}
        assert harness.reasons == ["warming: conversions/0: what its journal tells is not read yet"]
        harness.follower.gate.set()
        await harness.committed(1)
        assert not harness.reasons
        assert not harness.runner.snapshot().held


async def test_only_that_partition_rests() -> None:
    """While a partition is warming the others flow."""
    async with Harness(copies=ids()) as harness:
        harness.source.assign(harness.first)
        harness.write(1)
        await harness.committed(1)
        harness.follower.gate.clear()
        harness.source.assign(harness.second)
        harness.write(2, at=harness.second)
        harness.write(3)
        await harness.committed(2)
        assert harness.clicks == ["c-1", "c-3"]
        harness.follower.gate.set()
        await harness.committed(1, harness.second)


async def test_unread() -> None:
    """While the journal can't be read what waits here is not sent either; it goes on once it can be."""
    async with Harness(copies=ids(), concurrency=1) as harness:
        harness.source.assign(harness.first)
        harness.sender.gate.clear()
        harness.write(1, 2, 3)
        await harness.sent(1)
        harness.follower.fail("the broker is away")
        harness.sender.gate.set()
        await harness.committed(1)
        await some_turns(50)
        assert harness.clicks == ["c-1"]
        assert harness.reasons == ["warming: conversions/0: the broker is away"]
        assert harness.heard.troubles == ["conversions/0 rests: the broker is away"]
        harness.follower.gate.set()
        await harness.committed(3)
        assert not harness.reasons


async def test_unread_while_it_has_its_share() -> None:
    """Of a partition whose journal can't be read nothing is sent, though others' lanes become free."""
    async with Harness(copies=ids(), concurrency=16) as harness:
        harness.source.assign(harness.first, harness.second)
        others = harness.sender.gate
        others.clear()
        harness.write(*range(4), at=harness.second)
        await harness.sent(4)
        harness.sender.gate = asyncio.Event()
        harness.write(*range(4, 24))
        await harness.sent(14)
        await some_turns()
        harness.follower.fail("the broker is away", 0)
        others.set()
        await harness.committed(4, harness.second)
        await some_turns()
        assert len(harness.sender.requests) == 14
        harness.sender.gate.set()
        harness.follower.gate.set()
        await harness.committed(20)
