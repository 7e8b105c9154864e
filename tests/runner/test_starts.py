"""Where a partition begins, and what becomes of what is held of one that goes on elsewhere."""

from __future__ import annotations

from tests.fake_kafka import FakeKafka
from tests.runner.harness import SOURCE, Harness, some_turns, until
from worker.core.answer import Response
from worker.core.assigned_partition import Position
from worker.core.binding import Binding, Identity, LogId
from worker.core.offset_map import OffsetMap, encode
from worker.core.start_offset import Start, StartReason

OURS = Binding(LogId(), Identity(SOURCE, "partner"))


async def test_claimed() -> None:
    """A partition without a committed offset gets one at once, though nothing of it is finished."""
    async with Harness() as harness:
        harness.sender.gate.clear()
        harness.write(0)
        harness.source.assign(harness.first)
        await harness.committed(0)
        assert harness.heard.starts == [(harness.first, Start(StartReason.FIRST_DAY, 0, 1))]


async def test_not_claimed_twice() -> None:
    """One that has a committed offset is not committed again before something is finished."""
    async with Harness() as harness:
        harness.kafka.committed[harness.first] = Position(0, encode(0, None, OURS))
        harness.source.assign(harness.first)
        await harness.runner._delivery.committer.commit()
        assert harness.source.commits == []
        assert harness.heard.starts == []


async def test_edited() -> None:
    """A map under another position than its own is not believed: what is unfinished there is sent."""
    async with Harness() as harness:
        harness.write(0, 1, 2, 3)
        edited = encode(1, OffsetMap(4, (1,)), OURS)
        harness.kafka.committed[harness.first] = Position(0, edited)
        harness.source.assign(harness.first)
        await harness.committed(4)
        assert harness.clicks == ["c-0", "c-1", "c-2", "c-3"]
        assert harness.heard.map_refusals == ["written for position 1, not 0"]


async def test_expired() -> None:
    """What was removed before it was read is counted, and the position is behind it: it is reported once."""
    async with Harness() as harness:
        harness.kafka.committed[harness.first] = Position(1, encode(1, None, OURS))
        harness.write(0, 1, 2, 3)
        harness.source.assign(harness.first)
        harness.source.expire(harness.first, 3)
        await harness.committed(4)
        assert harness.clicks == ["c-3"]
        assert harness.heard.starts == [(harness.first, Start(StartReason.EXPIRED, 3, 2))]


async def test_expired_with_nothing_behind() -> None:
    """Where nothing is left to be read either, the position is moved all the same."""
    async with Harness() as harness:
        harness.kafka.committed[harness.first] = Position(1, encode(1, None, OURS))
        harness.write(0, 1, 2)
        harness.source.assign(harness.first)
        harness.source.expire(harness.first, 3)
        await harness.committed(3)


async def test_expired_behind_what_is_under_way() -> None:
    """What is under way when the records behind it are removed is still committed when it ends."""
    async with Harness() as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first)
        harness.write(0)
        await harness.sent(1)
        harness.source.pause(harness.first)
        harness.write(1, 2, 3)
        harness.source.expire(harness.first, 3)
        harness.source.resume(harness.first)
        await harness.sent(2)
        await harness.committed(0)
        harness.sender.gate.set()
        await harness.committed(4)
        assert harness.clicks == ["c-0", "c-3"]


async def test_truncated() -> None:
    """Of a log that was cut below what is committed, reading goes on there, and what comes then is new."""
    async with Harness() as harness:
        harness.write(0, 1, 2, 3)
        harness.source.assign(harness.first)
        await harness.committed(4)
        await harness.source.truncate(harness.first, 2)
        harness.write(8, 9)
        await harness.ended(6)
        await harness.committed(4)
        assert harness.clicks == ["c-0", "c-1", "c-2", "c-3", "c-8", "c-9"]
        assert harness.heard.starts[-1] == (harness.first, Start(StartReason.TRUNCATED, 2, 2))


async def test_truncated_above_what_is_committed() -> None:
    """Below the cut what is finished is not sent again; what was cut is forgotten."""
    async with Harness(drain=0.05) as harness:
        harness.sender.answer = lambda request: Response(500 if "c-1" in request.target else 200)
        harness.publisher.gate.clear()
        harness.write(0, 1, 2, 3)
        harness.source.assign(harness.first)
        await until("the others", lambda: len(harness.heard.endings) == 3)
        await harness.committed(1)
        await harness.source.truncate(harness.first, 3)
        harness.publisher.gate.set()
        harness.write(9)
        await harness.committed(4)
        assert harness.clicks == ["c-0", "c-1", "c-2", "c-3", "c-1", "c-9"]
        assert harness.heard.skips == [2], "what was finished at 3 is of a record that is gone"


async def test_the_memory_of_another_group_day() -> None:
    """A group that nobody knows begins its first day, and reports how many records lie there."""
    kafka = FakeKafka(**{SOURCE: 2, "dlq": 1})
    async with Harness(kafka=kafka) as harness:
        harness.write(0, 1, 2)
        harness.source.assign(harness.first, harness.second)
        await some_turns()
        assert [start.distance for _, start in harness.heard.starts] == [3, 0]


async def test_not_ready_before_it_begins() -> None:
    """A worker that can't read yet where a partition begins is not ready, and says why."""
    async with Harness() as harness:
        harness.source.assign(harness.first)
        harness.source.unbegun = {harness.second: "can't read what is committed: timed out"}
        why = f"{harness.second}: not read until it is known where to begin: can't read what is committed: "
        assert harness.reasons == [f"{why}timed out"]
        harness.source.unbegun = {}
        assert harness.reasons == []
