"""What ends after a standstill, or after its partition has left, has one ending: ours or another worker's."""

from __future__ import annotations

import asyncio

import pytest

from tests.runner.copies import ids, told
from tests.runner.harness import JOURNAL, Harness, some_turns, until
from tests.runner.test_stall import LONG
from worker.core.answer import Response
from worker.core.record import Partition

ONCE = [("delivered", "conversions/0/0")]


async def freeze(harness: Harness) -> None:
    """Have a request in flight over a standstill, while the group refuses commits."""
    harness.sender.gate.clear()
    harness.source.assign(harness.first)
    harness.write(0)
    await harness.sent(1)
    harness.source.refusing = "not a member"
    harness.time.advance(LONG)


async def thaw(harness: Harness) -> None:
    """Have its answer heard."""
    harness.sender.gate.set()
    await until("the answer", lambda: harness.heard.requests == 1)
    await some_turns()


def waiting(harness: Harness) -> bool:
    """Whether an ending or a step waits until it is known what became of its partition."""
    late = harness.runner._delivery.late_endings
    return bool(late._held or late._noted)


async def written(harness: Harness) -> None:
    """Have each step written that need not wait."""
    journaling = harness.runner._delivery.journaling
    assert journaling is not None
    journaling._flush()
    await asyncio.gather(*journaling._writing)
    await some_turns()


async def decided(harness: Harness) -> None:
    """Wait until nothing waits any more, and each step is written."""
    await some_turns()
    await until("it is decided", lambda: not waiting(harness))
    await written(harness)


def lose(harness: Harness) -> None:
    """Have the group tell that the partition is another's."""
    harness.source.lose(harness.first)
    harness.source.refusing = None


async def test_another_has_ended_it() -> None:
    """A 200 that was read after another worker had sent and journaled the record adds no second ending."""
    async with Harness(copies=ids(), worker="frozen") as harness:
        await freeze(harness)
        async with Harness(copies=ids(), kafka=harness.kafka) as other:
            other.source.assign(other.first)
            await other.committed(1)
            await thaw(harness)
            lose(harness)
            await decided(harness)
            assert told(harness) == ONCE


@pytest.mark.parametrize("another", [True, False])
async def test_noted_and_not_handed_over(another: bool) -> None:
    """A step that waited for others when the process was frozen is written where no other worker told."""
    async with Harness(copies=ids(), worker="frozen") as harness:
        harness.source.assign(harness.first)
        harness.write(0)
        await harness.ended(1)
        harness.source.refusing = "not a member"
        harness.time.advance(LONG)  # before its step has gone
        harness.runner._delivery.lanes.check_in()
        assert waiting(harness)
        await written(harness)
        assert told(harness) == []
        if another:
            harness.kafka.committed.clear()
            async with Harness(copies=ids(), kafka=harness.kafka) as other:
                other.source.assign(other.first)
                await other.committed(1)
        lose(harness)
        await harness.journaled(1)
        await decided(harness)
        assert told(harness) == ONCE


async def test_noted_and_ours_all_the_time() -> None:
    """A step that waited for others when the process was frozen is written once a commit has counted."""
    async with Harness(copies=ids()) as harness:
        harness.source.assign(harness.first)
        harness.write(0)
        await harness.ended(1)
        harness.source.refusing = "not a member"
        harness.time.advance(LONG)
        harness.runner._delivery.lanes.check_in()
        assert waiting(harness)
        await written(harness)
        assert told(harness) == []
        harness.source.refusing = None
        await harness.committed(1)
        assert told(harness) == ONCE


async def test_frozen_just_as_it_is_handed_over() -> None:
    """A step is taken back as well where the process is frozen right before the client gets it."""
    async with Harness(copies=ids()) as harness:
        harness.source.assign(harness.first)
        harness.write(0)
        await harness.ended(1)
        harness.source.refusing = "not a member"
        journaling = harness.runner._delivery.journaling
        assert journaling is not None
        journaling._flush()
        harness.time.advance(LONG)
        await asyncio.gather(*journaling._writing)
        assert told(harness) == []
        harness.source.refusing = None
        await harness.committed(1)
        assert told(harness) == ONCE


async def with_the_client(harness: Harness, *, wrote: bool = False) -> None:
    """Have a step lie with the client, as the broker is away, when the process is frozen."""
    harness.source.assign(harness.first)
    harness.publisher.go_away(wrote=wrote)
    harness.write(0)
    await until("it is handed over", lambda: harness.publisher.queued == 1)
    harness.source.refusing = "not a member"
    harness.time.advance(LONG)


async def goes_on(harness: Harness) -> None:
    """Have a process that was frozen go on, and the broker be there."""
    harness.runner._delivery.lanes.check_in()
    harness.publisher.come_back()
    await some_turns()
    harness.publisher.wrote = False


@pytest.mark.parametrize("another", [True, False])
async def test_with_the_client(another: bool) -> None:
    """A step that lay with the client over a standstill is written where no other worker told."""
    async with Harness(copies=ids(), worker="frozen") as harness:
        await with_the_client(harness)
        if another:
            async with Harness(copies=ids(), kafka=harness.kafka) as other:
                other.source.assign(other.first)
                await other.committed(1)
        await goes_on(harness)
        lose(harness)
        await harness.journaled(1)
        await decided(harness)
        assert told(harness) == ONCE


@pytest.mark.parametrize("wrote", [False, True])
async def test_with_the_client_and_ours_all_the_time(wrote: bool) -> None:
    """What the client gave back is written once a commit has counted, though it may be there."""
    async with Harness(copies=ids()) as harness:
        await with_the_client(harness, wrote=wrote)
        await goes_on(harness)
        assert len(told(harness)) == wrote
        harness.source.refusing = None
        await harness.committed(1)
        assert told(harness) == ONCE * (1 + wrote)
        assert len({record.value for record in harness.kafka.records(JOURNAL)}) == 1


async def test_nobody_has_ended_it() -> None:
    """A 200 that nobody else has journaled is journaled though the partition has left, and not sent again."""
    async with Harness(copies=ids(), worker="frozen") as harness:
        await freeze(harness)
        await thaw(harness)
        assert told(harness) == []
        lose(harness)
        await harness.journaled(1)
        async with Harness(copies=ids(), kafka=harness.kafka) as other:
            other.source.assign(other.first)
            await other.committed(1)
            assert other.clicks == []
    assert told(harness) == ONCE


async def test_it_comes_back() -> None:
    """Where the partition comes back to the same worker nothing is sent or told a second time."""
    async with Harness(copies=ids()) as harness:
        await freeze(harness)
        await thaw(harness)
        lose(harness)
        harness.source.assign(harness.first)
        await harness.committed(1)
        assert (harness.clicks, told(harness)) == (["c-0"], ONCE)


async def test_it_was_ours_all_the_time() -> None:
    """An ending from before a standstill is journaled once a commit has counted."""
    async with Harness(copies=ids()) as harness:
        await freeze(harness)
        await thaw(harness)
        assert told(harness) == []
        harness.source.refusing = None
        await harness.committed(1)
        assert told(harness) == ONCE


async def test_it_is_revoked_in_good_order() -> None:
    """A partition that is asked back after a standstill was ours: its drain ends with what ended of it."""
    async with Harness(copies=ids()) as harness:
        await freeze(harness)
        await thaw(harness)
        await harness.source.revoke(harness.first)
        assert told(harness) == ONCE


@pytest.mark.parametrize("answer", [Response(200), Response(410)])
async def test_in_flight_at_another(answer: Response) -> None:
    """What another worker tells of while a record is in flight here is its ending: ours adds none."""
    async with Harness(copies=ids(), worker="frozen") as harness:
        await freeze(harness)
        async with Harness(answer, copies=ids(), kafka=harness.kafka) as other:
            other.sender.gate.clear()
            other.source.assign(other.first)
            await other.sent(1)
            await thaw(harness)
            lose(harness)
            await harness.journaled(1)
            await until("it is heard of", lambda: _has_heard(other))
            other.sender.gate.set()
            await other.committed(1)
            assert told(harness) == ONCE


def _has_heard(harness: Harness) -> bool:
    return harness.follower._next.get(Partition(JOURNAL, 0), 0) == len(harness.kafka.records(JOURNAL))


async def test_what_ends_after_it_was_lost() -> None:
    """What is in flight of a partition lost without a standstill is journaled by one of the two workers."""
    async with Harness(copies=ids(), worker="slow") as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first)
        harness.write(0)
        await harness.sent(1)
        harness.source.lose(harness.first)
        async with Harness(copies=ids(), kafka=harness.kafka) as other:
            other.source.assign(other.first)
            await other.committed(1)
            harness.sender.gate.set()
            await harness.ended(1)
            await decided(harness)
            assert told(harness) == ONCE


@pytest.mark.parametrize("first", ["ours", "another's"])
async def test_refused_while_the_partition_moves(first: str) -> None:
    """Of the steps of two workers that the journal refuses, as a partition moves, it gets the first alone."""
    async with Harness(copies=ids(), worker="slow", drain=0.01) as harness:
        harness.publisher.refused.add(JOURNAL)
        harness.source.assign(harness.first)
        harness.write(0)
        await harness.ended(1)
        await harness.source.revoke(harness.first)
        async with Harness(copies=ids(), kafka=harness.kafka) as other:
            other.publisher.refused.add(JOURNAL)
            other.source.assign(other.first)
            await other.ended(1)
            one, two = (harness, other) if first == "ours" else (other, harness)
            await some_turns(50)
            one.publisher.refused.clear()
            await until("it is told", lambda: len(told(harness)) == 1)
            if two is other:
                await other.committed(
                    1
                )  # it has heard of it; what it had begun to write before could get there
            two.publisher.refused.clear()
            await other.committed(1)
            await decided(harness)
            assert told(harness) == ONCE
