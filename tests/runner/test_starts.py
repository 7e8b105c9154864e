"""Where a partition begins, and what becomes of what is held of one that goes on elsewhere."""

from __future__ import annotations

from tests.fakes import FakeKafka
from tests.runner.stage import SOURCE, Stage, some_turns, until
from worker.core.answer import Response
from worker.core.binding import Binding, Identity, LogId
from worker.core.finished import Finished, encode
from worker.core.holding import Position
from worker.core.start import How, Start

OURS = Binding(LogId(), Identity(SOURCE, "partner"))


async def test_claimed() -> None:
    """A partition without a committed offset gets one at once, though nothing of it is finished."""
    async with Stage() as stage:
        stage.sender.gate.clear()
        stage.write(0)
        stage.source.assign(stage.first)
        await stage.committed(0)
        assert stage.heard.starts == [(stage.first, Start(How.FIRST_DAY, 0, 1))]


async def test_not_claimed_twice() -> None:
    """One that has a committed offset is not committed again before something is finished."""
    async with Stage() as stage:
        stage.kafka.committed[stage.first] = Position(0, encode(0, None, OURS))
        stage.source.assign(stage.first)
        await stage.runner._committer.commit()
        assert stage.source.commits == []
        assert stage.heard.starts == []


async def test_edited() -> None:
    """A map under another position than its own is not believed: what is unfinished there is sent."""
    async with Stage() as stage:
        stage.write(0, 1, 2, 3)
        edited = encode(1, Finished(4, (1,)), OURS)
        stage.kafka.committed[stage.first] = Position(0, edited)
        stage.source.assign(stage.first)
        await stage.committed(4)
        assert stage.clicks == ["c-0", "c-1", "c-2", "c-3"]
        assert stage.heard.map_refusals == ["written for position 1, not 0"]


async def test_expired() -> None:
    """What was removed before it was read is counted, and the position is behind it: it is told once."""
    async with Stage() as stage:
        stage.kafka.committed[stage.first] = Position(1, encode(1, None, OURS))
        stage.write(0, 1, 2, 3)
        stage.source.assign(stage.first)
        stage.source.expire(stage.first, 3)
        await stage.committed(4)
        assert stage.clicks == ["c-3"]
        assert stage.heard.starts == [(stage.first, Start(How.EXPIRED, 3, 2))]


async def test_expired_with_nothing_behind() -> None:
    """Where nothing is left to be read either, the position is moved all the same."""
    async with Stage() as stage:
        stage.kafka.committed[stage.first] = Position(1, encode(1, None, OURS))
        stage.write(0, 1, 2)
        stage.source.assign(stage.first)
        stage.source.expire(stage.first, 3)
        await stage.committed(3)


async def test_expired_behind_what_is_under_way() -> None:
    """What is under way when the records behind it are removed is still committed when it ends."""
    async with Stage() as stage:
        stage.sender.gate.clear()
        stage.source.assign(stage.first)
        stage.write(0)
        await stage.sent(1)
        stage.source.hold(stage.first)
        stage.write(1, 2, 3)
        stage.source.expire(stage.first, 3)
        stage.source.release(stage.first)
        await stage.sent(2)
        await stage.committed(0)
        stage.sender.gate.set()
        await stage.committed(4)
        assert stage.clicks == ["c-0", "c-3"]


async def test_truncated() -> None:
    """Of a log that was cut below what is committed, reading goes on there, and what comes then is new."""
    async with Stage() as stage:
        stage.write(0, 1, 2, 3)
        stage.source.assign(stage.first)
        await stage.committed(4)
        await stage.source.truncate(stage.first, 2)
        stage.write(8, 9)
        await stage.ended(6)
        await stage.committed(4)
        assert stage.clicks == ["c-0", "c-1", "c-2", "c-3", "c-8", "c-9"]
        assert stage.heard.starts[-1] == (stage.first, Start(How.TRUNCATED, 2, 2))


async def test_truncated_above_what_is_committed() -> None:
    """Below the cut what is finished is not sent again; what was cut is forgotten."""
    async with Stage(drain=0.05) as stage:
        stage.sender.answer = lambda request: Response(500 if "c-1" in request.target else 200)
        stage.publisher.gate.clear()
        stage.write(0, 1, 2, 3)
        stage.source.assign(stage.first)
        await until("the others", lambda: len(stage.heard.endings) == 3)
        await stage.committed(1)
        await stage.source.truncate(stage.first, 3)
        stage.publisher.gate.set()
        stage.write(9)
        await stage.committed(4)
        assert stage.clicks == ["c-0", "c-1", "c-2", "c-3", "c-1", "c-9"]
        assert stage.heard.skips == [2], "what was finished at 3 is of a record that is gone"


async def test_the_memory_of_another_group_day() -> None:
    """A group that is known to nobody begins on its first day, and is told how much lies there."""
    kafka = FakeKafka(**{SOURCE: 2, "dlq": 1})
    async with Stage(kafka=kafka) as stage:
        stage.write(0, 1, 2)
        stage.source.assign(stage.first, stage.second)
        await some_turns()
        assert [start.distance for _, start in stage.heard.starts] == [3, 0]
