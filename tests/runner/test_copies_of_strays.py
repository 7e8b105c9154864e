"""Strays: records of a tier that has fewer partitions than the source, or had when they were written."""

from __future__ import annotations

import pytest

from tests.fake_kafka import FakeKafka
from tests.runner.copies import TIER, ids, told
from tests.runner.harness import JOURNAL, SOURCE, Harness, conversion, some_turns, until
from tests.runner.test_late_endings import decided
from tests.runner.test_stall import LONG
from worker.core.admission.held import HeldReason
from worker.core.answer import Response

WARMING = "warming: worker.retry.10s/0: what its journal tells is not read yet"


@pytest.mark.parametrize("answer", [Response(200), Response(410)])
async def test_ended_by_an_owner_that_died(answer: Response) -> None:
    """What was journaled by an owner of the tier that died before its commit is not sent by the next one."""
    async with Harness(answer, copies=ids(), worker="another") as before:
        before.write_retry(7, before.time.now(), of=1)
        before.source.assign(before.tier)
        await before.committed(1, before.tier)
    assert len(told(before)) == 1
    before.kafka.committed.clear()
    async with Harness(copies=ids(), kafka=before.kafka) as harness:
        harness.source.assign(harness.tier)
        await harness.committed(1, harness.tier)
        assert not harness.clicks
        assert harness.heard.skips == [0]
        assert len(told(harness)) == 1


async def test_moved_on_by_an_owner_that_died() -> None:
    """What an owner of the tier that died had handed to the next one is not sent from the first again."""
    async with Harness(Response(500), copies=ids(), worker="another") as before:
        before.write_retry(7, before.time.now(), of=1)
        before.source.assign(before.tier)
        await before.committed(1, before.tier)
    before.kafka.committed.clear()
    async with Harness(copies=ids(), kafka=before.kafka) as harness:
        harness.source.assign(harness.tier)
        await harness.committed(1, harness.tier)
        assert not harness.clicks


async def test_its_origin_is_followed_from_then_on() -> None:
    """What the owner of its origin's partition delivers later on is known when a record of it is due."""
    async with Harness(copies=ids()) as harness:
        harness.source.assign(harness.tier)
        harness.write_retry(1, harness.time.now(), of=1)
        await harness.committed(1, harness.tier)
        async with Harness(copies=ids(), kafka=harness.kafka, worker="another") as other:
            other.source.assign(other.second)
            other.write(2, at=other.second)
            await other.committed(1, other.second)
        harness.write_retry(2, harness.time.now(), of=1)
        await harness.committed(2, harness.tier)
    assert harness.clicks == ["c-1"]
    assert told(harness)[-1] == ("duplicate", "conversions/1/2")


async def test_only_its_partition_rests() -> None:
    """Until the journal of its origin is read its partition rests, and is told of; others flow."""
    async with Harness(copies=ids()) as harness:
        harness.source.assign(harness.first, harness.tier)
        harness.write(1)
        await harness.committed(1)
        harness.follower.gate.clear()
        harness.write_retry(2, harness.time.now())
        await harness.committed(1, harness.tier)
        harness.write_retry(3, harness.time.now(), of=1)
        harness.write_retry(4, harness.time.now())
        harness.write(5)
        await harness.committed(2)
        await some_turns()
        assert harness.clicks == ["c-1", "c-2", "c-5"]
        assert harness.runner.snapshot().held == {HeldReason.WARMING}
        assert (harness.reasons, harness.heard.troubles) == ([WARMING], [])
        harness.follower.gate.set()
        await harness.committed(3, harness.tier)
        assert (harness.clicks[3:], harness.reasons) == (["c-3", "c-4"], [])


async def test_of_several_partitions() -> None:
    """Of strays of several partitions none is sent before the journals of all of them are read."""
    kafka = FakeKafka(**{SOURCE: 4, TIER: 1, JOURNAL: 4})
    async with Harness(copies=ids(), kafka=kafka) as harness:
        harness.source.assign(harness.tier)
        await until("it is warm", lambda: not harness.reasons)
        harness.follower.gate.clear()
        for number in range(8):
            harness.write_retry(number, harness.time.now(), of=number % 4)
        await some_turns(50)
        assert not harness.clicks
        harness.follower._listener.on_read(1, 1_000)
        await some_turns(50)
        assert not harness.clicks
        harness.follower.gate.set()
        await harness.committed(8, harness.tier)
    assert sorted(harness.clicks) == [f"c-{number}" for number in range(8)]


async def test_its_journal_can_not_be_read() -> None:
    """While the journal of its origin can't be read it is not sent; it goes on once it can be."""
    async with Harness(copies=ids()) as harness:
        harness.source.assign(harness.tier)
        harness.write_retry(1, harness.time.now(), of=1)
        await harness.committed(1, harness.tier)
        harness.follower.fail("the broker is away", 1)
        harness.write_retry(2, harness.time.now())
        await some_turns(50)
        assert harness.clicks == ["c-1"]
        assert harness.heard.troubles == ["worker.retry.10s/0 rests: the broker is away"]
        harness.follower.gate.set()
        await harness.committed(2, harness.tier)


async def test_taken_away_while_it_rests() -> None:
    """A partition that leaves before the journal of a stray's origin is read sends it once it comes back."""
    async with Harness(copies=ids()) as harness:
        harness.source.assign(harness.tier)
        await until("it is warm", lambda: not harness.reasons)
        harness.follower.gate.clear()
        harness.write_retry(1, harness.time.now(), of=1)
        await until("it rests", lambda: harness.reasons == [WARMING])
        await harness.source.revoke(harness.tier)
        harness.follower.gate.set()
        await some_turns(50)
        assert not harness.clicks
        harness.source.assign(harness.tier)
        await harness.committed(1, harness.tier)
        assert harness.clicks == ["c-1"]


async def test_without_the_journal() -> None:
    """Without the journal a stray is sent at once."""
    async with Harness(journal=True) as harness:
        harness.source.assign(harness.tier)
        harness.write_retry(1, harness.time.now(), of=1)
        await harness.committed(1, harness.tier)
        assert harness.clicks == ["c-1"]


async def test_it_was_put_there_by_hand() -> None:
    """A record without an origin is no stray: it is its own."""
    async with Harness(copies=ids()) as harness:
        harness.source.assign(harness.tier)
        await until("it is warm", lambda: not harness.reasons)
        harness.follower.gate.clear()
        harness.kafka.append(harness.tier, conversion(1), b"key")
        await harness.committed(1, harness.tier)


@pytest.mark.parametrize("another", [True, False])
async def test_a_late_ending(another: bool) -> None:
    """A 200 for a stray whose partition has left meanwhile is told where no other worker told of one."""
    async with Harness(copies=ids(), worker="frozen") as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.tier)
        harness.write_retry(7, harness.time.now(), of=1)
        await harness.sent(1)
        harness.follower.gate.clear()
        harness.source.refusing = "not a member"
        harness.time.advance(LONG)
        if another:
            async with Harness(copies=ids(), kafka=harness.kafka) as other:
                other.source.assign(other.tier)
                await other.committed(1, other.tier)
        harness.sender.gate.set()
        await until("the answer", lambda: harness.heard.requests == 1)
        await some_turns()
        harness.source.lose(harness.tier)
        harness.source.refusing = None
        await some_turns(50)
        assert len(told(harness)) == another
        harness.follower.gate.set()
        await harness.journaled(1)
        await decided(harness)
        assert told(harness) == [("delivered", "conversions/1/7")]
