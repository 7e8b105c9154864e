"""What is taken away is drained, committed and handed over; what is lost is forgotten."""

from __future__ import annotations

import asyncio

import pytest

from tests.fake_kafka import FakeKafka
from tests.runner.harness import DLQ, SOURCE, Harness, conversion, some_turns, until
from worker.core import offset_map
from worker.core.answer import Response
from worker.core.assigned_partition import Position
from worker.core.endings import Dead, Delivered, RetryLater
from worker.core.record import Partition
from worker.runner import Outcome


async def test_a_revocation_drains() -> None:
    """A revocation waits for what is in flight and commits its end; the rest is not sent."""
    async with Harness(concurrency=2) as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first, harness.second)
        harness.write(*range(5))
        await harness.sent(2)
        revoking = asyncio.create_task(harness.source.revoke(harness.first))
        await some_turns()
        assert not revoking.done()
        harness.sender.gate.set()
        await revoking
        assert harness.position() == 2
        assert harness.clicks == ["c-0", "c-1"]
        assert harness.source.assigned == [harness.second]
        assert ("revoke", [harness.first]) in harness.heard.rebalances


async def test_the_others_flow_while_one_is_drained() -> None:
    """While a partition is drained, the records at hand of the others are sent."""
    async with Harness() as harness:
        harness.source.assign(harness.first, harness.second)
        pending = asyncio.Event()
        harness.sender.gate = pending
        harness.write(1)
        await harness.sent(1)
        harness.sender.gate = asyncio.Event()
        harness.sender.gate.set()
        harness.write(2, at=harness.second)
        await harness.sent(2)
        revoking = asyncio.create_task(harness.source.revoke(harness.first))
        await harness.ended(1)
        assert not revoking.done()
        pending.set()
        await revoking
        assert harness.position() == 1


async def test_a_revocation_ends_at_the_deadline() -> None:
    """What has not ended by the drain's deadline stays uncommitted, is said, and changes nothing later."""
    async with Harness(drain=0.05) as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first)
        harness.write(1)
        await harness.sent(1)
        await harness.source.revoke(harness.first)
        assert harness.position() == 0
        assert harness.heard.troubles == ["not all ended within 0.05 s; what has not stays uncommitted"]
        harness.sender.gate.set()
        await harness.ended(1)
        await harness.runner._delivery.committer.commit()
        assert harness.position() == 0


@pytest.mark.parametrize("answer", [Response(200), Response(500), Response(410)])
async def test_a_lost_partition(answer: Response) -> None:
    """Of a lost partition nothing is committed, published or sent any more, whatever comes back."""
    async with Harness(answer, concurrency=1) as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first)
        harness.write(1, 2, 3)
        await harness.sent(1)
        harness.source.lose(harness.first)
        harness.sender.gate.set()
        await until("the answer", lambda: harness.sender.in_flight == 0)
        await some_turns()
        await harness.runner._delivery.committer.commit()
        assert harness.clicks == ["c-1"]
        assert harness.position() in {None, 0}  # 0 where it was ours for so long that its start was committed
        assert harness.publisher.published == []
        assert harness.heard.rebalances == [("assign", [harness.first]), ("lost", [harness.first])]


async def test_a_stale_answer_after_a_new_assignment() -> None:
    """An answer to an earlier assignment's request does not end the record of the new one."""
    async with Harness() as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first)
        harness.write(1)
        await harness.sent(1)
        harness.source.lose(harness.first)
        harness.source.assign(harness.first)
        first, harness.sender.gate = harness.sender.gate, asyncio.Event()
        await harness.sent(2)
        first.set()
        await harness.ended(1)
        await harness.runner._delivery.committer.commit()
        assert harness.position() in {None, 0}
        assert harness.runner.snapshot().partitions[0].outstanding == 1
        harness.sender.gate.set()
        await harness.committed(1)


async def test_what_we_finished_before_is_remembered() -> None:
    """A partition that is lost before its last commit and comes back is not sent again: we remember."""
    async with Harness() as harness:
        harness.kafka.committed[harness.first] = Position(0, "")
        harness.source.assign(harness.first)
        harness.source.refusing = "between two generations"
        harness.write(0, 1)
        await harness.ended(2)
        gate, harness.sender.gate = harness.sender.gate, asyncio.Event()
        harness.write(2, 3)
        await harness.sent(4)
        harness.source.lose(harness.first)
        harness.sender.gate.set()  # what was under way ends after the loss
        await harness.ended(4)
        harness.sender.gate = gate
        harness.source.refusing = None
        harness.source.assign(harness.first)
        harness.write(4)
        await harness.committed(5)
        assert harness.clicks == ["c-0", "c-1", "c-2", "c-3", "c-4"]
        assert harness.heard.skips == [0, 1, 2, 3]


@pytest.mark.parametrize(("committed", "again"), [(None, 4), (Position(1, ""), 3)])
async def test_another_log_is_not_taken_for_the_former(committed: Position | None, again: int) -> None:
    """Where the group's offset is gone or lower, offsets mean other records."""
    async with Harness() as harness:
        harness.kafka.committed[harness.first] = Position(2, "")
        harness.write(0, 1, 2, 3)
        harness.source.assign(harness.first)
        await harness.committed(4)
        harness.source.lose(harness.first)
        harness.kafka.committed.pop(harness.first)
        if committed:
            harness.kafka.committed[harness.first] = committed
        harness.source.assign(harness.first)
        await harness.ended(2 + again)
        assert harness.heard.skips == []


async def test_a_refusal_ends_with_its_partition() -> None:
    """A publish that is refused is given up with its partition, and is then no reason not to be ready."""
    async with Harness(Response(500)) as harness:
        harness.publisher.refusing = "no"
        harness.source.assign(harness.first)
        harness.write(1)
        await until("refused", lambda: bool(harness.reasons))
        harness.source.lose(harness.first)
        not_joined = ["the consumer group worker has not been joined yet"]
        await until("nothing is refused any more", lambda: harness.reasons == not_joined)
        harness.publisher.refusing = None
        await some_turns()
        assert harness.publisher.published == []


async def test_two_records_refused_by_one_topic() -> None:
    """A topic is a reason not to be ready for as long as any record waits for it."""
    async with Harness() as harness:
        harness.publisher.refusing = "no"
        harness.source.assign(harness.first, harness.second)
        for at in (harness.first, harness.second):
            harness.kafka.append(at, b"junk")
        await until("both refused", lambda: len(harness.heard.refusals) >= 2)
        harness.source.lose(harness.first)
        await until("one given up", lambda: len(harness.runner._delivery.hand_over._tasks) == 1)
        assert harness.reasons == [f"publishing to {DLQ} is refused: no"]
        harness.publisher.refusing = None
        await harness.committed(1, harness.second)
        assert harness.reasons == []


async def test_what_was_finished_above_is_skipped() -> None:
    """What an earlier member finished above the committed offset is not sent again; what it had not, is."""
    kafka = FakeKafka(**{SOURCE: 2, DLQ: 1, "worker.retry.10s": 1})
    async with Harness(kafka=kafka, drain=0.05) as earlier:
        earlier.source.assign(earlier.first)
        earlier.sender.gate.clear()
        earlier.write(0)
        await earlier.sent(1)
        earlier.sender.gate = asyncio.Event()
        earlier.sender.gate.set()
        earlier.write(1, 2)
        await until("a map", lambda: at_least(kafka, earlier.first, 3))
        assert earlier.position() == 0
        assert await earlier.end() is Outcome.CUT
    async with Harness(kafka=kafka) as later:
        later.source.assign(later.first)
        later.write(3)
        await later.committed(4)
        assert later.clicks == ["c-0", "c-3"]
        assert later.heard.skips == [1, 2]


def at_least(kafka: FakeKafka, at: Partition, upto: int) -> bool:
    """Whether the committed map tells of everything below `upto`."""
    committed = kafka.committed.get(at)
    told = offset_map.read(committed.metadata).finished if committed else None
    return bool(told and told.upto >= upto)


async def test_a_damaged_map() -> None:
    """Commit metadata that can't be read is said, and what is above the offset is sent."""
    async with Harness() as harness:
        harness.write(0, 1, 2)
        harness.kafka.committed[harness.first] = Position(1, "2AAAA")
        harness.source.assign(harness.first)
        await harness.committed(3)
        assert harness.clicks == ["c-1", "c-2"]
        assert harness.heard.map_refusals == ["its check does not fit"]


async def test_a_topic_made_anew() -> None:
    """A partition that starts again below what was committed is taken up from there, and that is said."""
    async with Harness() as harness:
        harness.kafka.committed[harness.first] = Position(5, "")
        harness.source.assign(harness.first)
        record = harness.kafka.append(harness.first, conversion(1))
        harness.runner._rebalances.on_records([record])
        await harness.ended(1)
        assert harness.heard.troubles == [f"{harness.first} starts again at offset 0, below 5"]


async def test_records_of_a_partition_that_is_not_ours() -> None:
    """A record that comes for a partition that is not assigned is ignored."""
    async with Harness() as harness:
        harness.source.assign(harness.first)
        stranger = harness.kafka.append(Partition(SOURCE, 1), conversion(9))
        harness.runner._rebalances.on_records([stranger])
        harness.write(1)
        await harness.committed(1)
        assert harness.clicks == ["c-1"]


async def test_joined_with_nothing() -> None:
    """A member without partitions has joined, and is ready; before that it is not."""
    async with Harness() as harness:
        assert harness.reasons == ["the consumer group worker has not been joined yet"]
        harness.source.assign()
        assert harness.reasons == []


async def test_a_delivery_counts_whoever_owns_the_partition() -> None:
    """A 200 for a partition that is lost meanwhile is still counted as a delivery: it took place."""
    async with Harness() as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first)
        harness.write(1)
        await harness.sent(1)
        harness.source.lose(harness.first)
        harness.sender.gate.set()
        await harness.ended(1)
        assert isinstance(harness.heard.endings[0], Delivered)
        assert not any(isinstance(one, RetryLater | Dead) for one in harness.heard.endings)
