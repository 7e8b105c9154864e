"""A second record of an event is not sent: it ends as a copy, whatever became of the first, and where."""

from __future__ import annotations

from collections import Counter

import pytest

from schemas import WorkerHeaders
from schemas.journal import StepKind
from tests.runner.harness import (
    DLQ,
    JOURNAL,
    SHORT,
    SOURCE,
    TIER_TOPICS,
    Harness,
    conversion,
    some_turns,
    until,
)
from worker.core.admission.held import Held
from worker.core.answer import Response
from worker.core.record import Partition
from worker.core.remembered_ids import RememberedIds

TIER = TIER_TOPICS[SHORT]


def ids(most: int = 1000, window: float = 86400.0) -> RememberedIds:
    """What is remembered, nothing yet."""
    return RememberedIds(most, window)


def told(harness: Harness) -> list[tuple[str, str]]:
    """Each step, and the origin that it tells of."""
    return [(step.step.value, step.origin) for step in harness.steps]


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
    """Records of one event that come together are sent once, while the first is in flight."""
    async with Harness(copies=ids()) as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first)
        harness.write(1, 1, 1, 2)
        await harness.sent(2)
        await until("two copies", lambda: len(harness.heard.duplicates) == 2)
        assert not harness.position()
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
    """Nothing of a partition is sent before its journal is read; that is told, and then it goes."""
    harness = Harness(copies=ids())
    harness.follower.gate.clear()
    async with harness:
        harness.write(1)
        harness.source.assign(harness.first)
        await some_turns()
        assert not harness.sender.requests
        assert harness.runner.snapshot().held == {Held.WARMING}
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


async def test_published_twice_to_a_tier() -> None:
    """Of a retry that lies in its tier twice, its acknowledgement having been lost, one is sent."""
    async with Harness(copies=ids()) as harness:
        for _ in range(2):
            harness.write_retry(7, due=harness.time.now())
        harness.source.assign(harness.first, harness.tier)
        await harness.committed(2, harness.tier)
    assert harness.clicks == ["c-7"]
    assert told(harness) == [("delivered", "conversions/0/7")]


async def test_sent_again_from_the_source() -> None:
    """What was delivered from the source after all is not sent from the tier that it lies in, too."""
    async with Harness(copies=ids()) as harness:
        harness.write(1)
        headers = WorkerHeaders(attempts=1, due_at=harness.time.now() + 5, origin=f"{SOURCE}/0/0").write()
        harness.kafka.append(harness.tier, conversion(1), b"key", headers)
        harness.source.assign(harness.first, harness.tier)
        await harness.committed(1)
        harness.time.advance(5)
        await harness.committed(1, harness.tier)
    assert harness.clicks == ["c-1"]
    assert told(harness) == [("delivered", "conversions/0/0")]


async def test_to_the_partition_of_its_origin() -> None:
    """A retry goes to the tier's partition that has the number of its origin's."""
    async with Harness(Response(500), copies=ids()) as harness:
        harness.kafka.create(TIER, 2)
        harness.source.assign(harness.second)
        harness.write(1, at=harness.second)
        await harness.committed(1, harness.second)
    assert [record.at for record in harness.kafka.records(TIER)] == [Partition(TIER, 1)]


async def test_a_dead_letter_read_again() -> None:
    """A dead letter that was read again adds neither a step nor a second letter, where it has an event id."""
    async with Harness(copies=ids(), worker="another") as before:
        before.source.assign(before.first)
        before.write(1, payout="1,0")
        await before.committed(1)
    before.kafka.committed.clear()
    async with Harness(copies=ids(), kafka=before.kafka) as harness:
        harness.source.assign(harness.first)
        await harness.committed(1)
    assert [step for step, _ in told(harness)] == ["dead"]
    assert len(harness.kafka.records(DLQ)) == 1


async def test_given_back() -> None:
    """What was given back untried is sent later: it is no copy of itself."""
    answers = [Response(500)] * 12
    async with Harness(*answers, copies=ids(), concurrency=4) as harness:
        harness.source.assign(harness.first, harness.second)
        harness.write(*range(30))
        await until("all ended", lambda: len(harness.heard.endings) == 30)
        await harness.committed(30)
    assert not harness.heard.duplicates
    assert not harness.heard.skips


async def test_remembered() -> None:
    """How many are remembered is told, and how many were forgotten early."""
    async with Harness(copies=ids(most=64)) as harness:
        harness.source.assign(harness.first)
        harness.write(*range(100))
        await harness.committed(100)
        now = harness.runner.snapshot()
        assert (now.remembered, now.forgotten) == (64, 36)
        harness.time.advance(90_000)
        assert harness.runner.snapshot().remembered == 0
        harness.write(99, clicked_at="2023-11-14T00:00:00Z")
        await harness.committed(101)
    assert harness.clicks.count("c-99") == 2


@pytest.mark.parametrize("refused", [False, True])
async def test_marked_after_the_ending(refused: bool) -> None:
    """A retry that its tier has not acknowledged is no ending: its copy is judged by what is in flight."""
    async with Harness(Response(500), copies=ids()) as harness:
        if refused:
            harness.publisher.refused.add(TIER)
        held = harness.publisher.hold(TIER)
        harness.source.assign(harness.first)
        harness.write(1)
        await harness.sent(1)
        harness.write(1)
        await until("a copy", lambda: harness.heard.duplicates == [1])
        assert harness.runner.snapshot().remembered == 1  # the copy itself
        harness.publisher.refused.clear()
        held.set()
        await harness.committed(2)
    assert JOURNAL in {record.at.topic for record in harness.kafka.records(JOURNAL)}
    assert harness.clicks == ["c-1"]
