"""What is taken away is drained, committed and handed over; what is lost is forgotten."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes import FakeKafka
from tests.runner.stage import DLQ, SOURCE, Stage, conversion, some_turns, until
from worker.core import finished
from worker.core.answer import Response
from worker.core.holding import Position
from worker.core.record import Partition
from worker.core.settle import Dead, Delivered, Retry
from worker.runner import Outcome


async def test_a_revocation_drains() -> None:
    """A revocation waits for what is in flight and commits its end; the rest is not sent."""
    async with Stage(concurrency=2) as stage:
        stage.sender.gate.clear()
        stage.source.assign(stage.first, stage.second)
        stage.write(*range(5))
        await stage.sent(2)
        revoking = asyncio.create_task(stage.source.revoke(stage.first))
        await some_turns()
        assert not revoking.done()
        stage.sender.gate.set()
        await revoking
        assert stage.position() == 2
        assert stage.clicks == ["c-0", "c-1"]
        assert stage.source.assigned == [stage.second]
        assert ("revoke", [stage.first]) in stage.heard.rebalances


async def test_the_others_flow_while_one_is_drained() -> None:
    """While a partition is drained, the records at hand of the others are sent."""
    async with Stage() as stage:
        stage.source.assign(stage.first, stage.second)
        held = asyncio.Event()
        stage.sender.gate = held
        stage.write(1)
        await stage.sent(1)
        stage.sender.gate = asyncio.Event()
        stage.sender.gate.set()
        stage.write(2, at=stage.second)
        await stage.sent(2)
        revoking = asyncio.create_task(stage.source.revoke(stage.first))
        await stage.ended(1)
        assert not revoking.done()
        held.set()
        await revoking
        assert stage.position() == 1


async def test_a_revocation_ends_at_the_deadline() -> None:
    """What has not ended by the drain's deadline stays uncommitted, is said, and changes nothing later."""
    async with Stage(drain=0.05) as stage:
        stage.sender.gate.clear()
        stage.source.assign(stage.first)
        stage.write(1)
        await stage.sent(1)
        await stage.source.revoke(stage.first)
        assert stage.position() == 0
        assert stage.heard.troubles == ["not all ended within 0.05 s; what has not stays uncommitted"]
        stage.sender.gate.set()
        await stage.ended(1)
        await stage.runner._committer.commit()
        assert stage.position() == 0


@pytest.mark.parametrize("answer", [Response(200), Response(500), Response(410)])
async def test_a_lost_partition(answer: Response) -> None:
    """Of a lost partition nothing is committed, published or sent any more, whatever comes back."""
    async with Stage(answer, concurrency=1) as stage:
        stage.sender.gate.clear()
        stage.source.assign(stage.first)
        stage.write(1, 2, 3)
        await stage.sent(1)
        stage.source.lose(stage.first)
        stage.sender.gate.set()
        await until("the answer", lambda: stage.sender.in_flight == 0)
        await some_turns()
        await stage.runner._committer.commit()
        assert stage.clicks == ["c-1"]
        assert stage.kafka.committed == {}
        assert stage.publisher.published == []
        assert stage.heard.rebalances == [("assign", [stage.first]), ("lost", [stage.first])]


async def test_a_stale_answer_after_a_new_assignment() -> None:
    """An answer to an earlier assignment's request does not end the record of the new one."""
    async with Stage() as stage:
        stage.sender.gate.clear()
        stage.source.assign(stage.first)
        stage.write(1)
        await stage.sent(1)
        stage.source.lose(stage.first)
        stage.source.assign(stage.first)
        first, stage.sender.gate = stage.sender.gate, asyncio.Event()
        await stage.sent(2)
        first.set()
        await stage.ended(1)
        await stage.runner._committer.commit()
        assert stage.position() in {None, 0}
        assert stage.runner.snapshot().partitions[0].outstanding == 1
        stage.sender.gate.set()
        await stage.committed(1)


async def test_what_we_finished_before_is_remembered() -> None:
    """A partition that is lost before its last commit and comes back is not sent again: we remember."""
    async with Stage() as stage:
        stage.kafka.committed[stage.first] = Position(0, "")
        stage.source.assign(stage.first)
        stage.source.refusing = "between two generations"
        stage.write(0, 1)
        await stage.ended(2)
        gate, stage.sender.gate = stage.sender.gate, asyncio.Event()
        stage.write(2, 3)
        await stage.sent(4)
        stage.source.lose(stage.first)
        stage.sender.gate.set()  # what was under way ends after the loss
        await stage.ended(4)
        stage.sender.gate = gate
        stage.source.refusing = None
        stage.source.assign(stage.first)
        stage.write(4)
        await stage.committed(5)
        assert stage.clicks == ["c-0", "c-1", "c-2", "c-3", "c-4"]
        assert stage.heard.skips == [0, 1, 2, 3]


@pytest.mark.parametrize(("committed", "again"), [(None, 4), (Position(1, ""), 3)])
async def test_another_log_is_not_taken_for_the_former(committed: Position | None, again: int) -> None:
    """Where the group's offset is gone or lower, offsets mean other records."""
    async with Stage() as stage:
        stage.kafka.committed[stage.first] = Position(2, "")
        stage.write(0, 1, 2, 3)
        stage.source.assign(stage.first)
        await stage.committed(4)
        stage.source.lose(stage.first)
        stage.kafka.committed.pop(stage.first)
        if committed:
            stage.kafka.committed[stage.first] = committed
        stage.source.assign(stage.first)
        await stage.ended(2 + again)
        assert stage.heard.skips == []


async def test_a_refusal_ends_with_its_partition() -> None:
    """A publish that is refused is given up with its partition, and is then no reason not to be ready."""
    async with Stage(Response(500)) as stage:
        stage.publisher.refusing = "no"
        stage.source.assign(stage.first)
        stage.write(1)
        await until("refused", lambda: bool(stage.reasons))
        stage.source.lose(stage.first)
        await until("ready", lambda: not stage.reasons)
        stage.publisher.refusing = None
        await some_turns()
        assert stage.publisher.published == []


async def test_two_records_refused_by_one_topic() -> None:
    """A topic is a reason not to be ready for as long as any record waits for it."""
    async with Stage() as stage:
        stage.publisher.refusing = "no"
        stage.source.assign(stage.first, stage.second)
        for at in (stage.first, stage.second):
            stage.kafka.append(at, b"junk")
        await until("both refused", lambda: len(stage.heard.refusals) >= 2)
        stage.source.lose(stage.first)
        await until("one given up", lambda: len(stage.runner._settling._tasks) == 1)
        assert stage.reasons == [f"publishing to {DLQ} is refused: no"]
        stage.publisher.refusing = None
        await stage.committed(1, stage.second)
        assert stage.reasons == []


async def test_what_was_finished_above_is_skipped() -> None:
    """What an earlier member finished above the committed offset is not sent again; what it had not, is."""
    kafka = FakeKafka(**{SOURCE: 2, DLQ: 1, "worker.retry.10s": 1})
    async with Stage(kafka=kafka, drain=0.05) as earlier:
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
    async with Stage(kafka=kafka) as later:
        later.source.assign(later.first)
        later.write(3)
        await later.committed(4)
        assert later.clicks == ["c-0", "c-3"]
        assert later.heard.skips == [1, 2]


def at_least(kafka: FakeKafka, at: Partition, upto: int) -> bool:
    """Whether the committed map tells of everything below `upto`."""
    committed = kafka.committed.get(at)
    told = finished.read(committed.metadata).finished if committed else None
    return bool(told and told.upto >= upto)


async def test_a_damaged_map() -> None:
    """Commit metadata that can't be read is said, and what is above the offset is sent."""
    async with Stage() as stage:
        stage.write(0, 1, 2)
        stage.kafka.committed[stage.first] = Position(1, "2AAAA")
        stage.source.assign(stage.first)
        await stage.committed(3)
        assert stage.clicks == ["c-1", "c-2"]
        assert stage.heard.map_refusals == ["its check does not fit"]


async def test_a_topic_made_anew() -> None:
    """A partition that starts again below what was committed is taken up from there, and that is said."""
    async with Stage() as stage:
        stage.kafka.committed[stage.first] = Position(5, "")
        stage.source.assign(stage.first)
        record = stage.kafka.append(stage.first, conversion(1))
        stage.runner.on_records([record])
        await stage.ended(1)
        assert stage.heard.troubles == [f"{stage.first} starts again at offset 0, below 5"]


async def test_records_of_a_partition_that_is_not_ours() -> None:
    """A record that comes for a partition that is not assigned is ignored."""
    async with Stage() as stage:
        stage.source.assign(stage.first)
        stranger = stage.kafka.append(Partition(SOURCE, 1), conversion(9))
        stage.runner.on_records([stranger])
        stage.write(1)
        await stage.committed(1)
        assert stage.clicks == ["c-1"]


async def test_joined_with_nothing() -> None:
    """A member without partitions has joined, and is ready; before that it is not."""
    async with Stage() as stage:
        assert stage.reasons == ["the consumer group worker has not been joined yet"]
        stage.source.assign()
        assert stage.reasons == []


async def test_a_delivery_counts_whoever_owns_the_partition() -> None:
    """A 200 for a partition that is lost meanwhile is still counted as a delivery: it took place."""
    async with Stage() as stage:
        stage.sender.gate.clear()
        stage.source.assign(stage.first)
        stage.write(1)
        await stage.sent(1)
        stage.source.lose(stage.first)
        stage.sender.gate.set()
        await stage.ended(1)
        assert isinstance(stage.heard.endings[0], Delivered)
        assert not any(isinstance(one, Retry | Dead) for one in stage.heard.endings)
