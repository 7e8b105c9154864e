"""Members of two groups as one source: what is asked, held and committed finds its way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import pytest

from tests.adapters.kafka.ear import Ear
from tests.fake_kafka import FakeKafka
from tests.fake_source import FakeSource
from worker.adapters.kafka import KafkaSource, PairedSource, consumer_config
from worker.adapters.kafka.loop_bridge import Epoch, LoopBridge
from worker.adapters.kafka.offset_commits import WantedCommits
from worker.adapters.kafka.poll_thread import PollThread
from worker.adapters.kafka.source_options import SourceOptions
from worker.core.assigned_partition import Position
from worker.core.record import Partition
from worker.ports import CommitFailed, Positions, SourceEnded, SourceFailed

FRESH, TIER = Partition("conversions", 0), Partition("worker.retry.10s", 0)


class Pair(NamedTuple):
    """A pair of fake members that have joined, with a partition each, and who listens."""

    kafka: FakeKafka
    first: FakeSource
    second: FakeSource
    both: PairedSource
    ear: Ear

    def write(self, at: Partition, count: int) -> None:
        """Write some records."""
        for _ in range(count):
            self.kafka.append(at, b"{}")


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    """A pair."""
    kafka = FakeKafka(**{FRESH.topic: 1, TIER.topic: 1})
    first, second, ear = FakeSource(kafka), FakeSource(kafka), Ear()
    both = PairedSource(first, second, is_first=FRESH.topic.__eq__)
    await both.start(ear)
    first.assign(FRESH)
    second.assign(TIER)
    for at in (FRESH, TIER):
        both.allow(at, 1000)
    yield Pair(kafka, first, second, both, ear)
    await both.stop()


async def test_each_has_its_topics(pair: Pair) -> None:
    """Records of both kinds reach the one listener, and so do assignments and losses."""
    pair.both.ask(10)
    pair.write(FRESH, 2)
    pair.write(TIER, 1)
    await pair.ear.has(3)
    pair.second.lose(TIER)
    assert list(pair.ear.ours) == [FRESH]
    assert pair.ear.lost == [TIER]


async def test_demands_do_not_pile_up(pair: Pair) -> None:
    """A side from which nothing comes owes what was asked for last, not all that was ever asked for."""
    for _ in range(5):
        pair.both.ask(4)
        pair.write(FRESH, 4)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    await pair.ear.has(20)
    assert (pair.first.demand, pair.second.demand) == (0, 4)


async def test_asked_in_pieces(pair: Pair) -> None:
    """What came of one side is asked for of both again, and what is still to come stays asked for."""
    pair.both.ask(8)
    pair.write(FRESH, 4)
    await pair.ear.has(4)
    pair.both.ask(8)
    assert (pair.first.demand, pair.second.demand) == (8, 8)


async def test_holds_find_their_side(pair: Pair) -> None:
    """A hold is for the side whose partition it is, and so is its end."""
    pair.both.pause(TIER)
    paused = (set(pair.first.paused), set(pair.second.paused))
    pair.both.resume(TIER)
    assert paused == (set(), {TIER})
    assert pair.second.paused == set()


async def test_commits_are_shared_out(pair: Pair) -> None:
    """Each side commits what is its own, and a commit that either refuses has failed."""
    await pair.both.commit({FRESH: Position(0, "a"), TIER: Position(0, "b")})
    pair.second.refusing = "not now"
    await pair.both.commit({FRESH: Position(0, "c")})
    with pytest.raises(CommitFailed, match="not now") as caught:
        await pair.both.commit({FRESH: Position(0, "d"), TIER: Position(0, "e")})
    assert caught.value.committed == {FRESH: Position(0, "d")}, "the other side's counts all the same"
    assert pair.first.commits == [{FRESH: Position(0, text)} for text in "acd"]
    assert pair.second.commits == [{TIER: Position(0, "b")}]


async def test_it_has_ended_when_both_have(pair: Pair) -> None:
    """While one side lives its commits may count yet; when both have ended none will."""
    positions = {FRESH: Position(0, "a"), TIER: Position(0, "b")}
    pair.first.fail(SourceFailed("dead"))
    pair.second.refusing = "not now"
    with pytest.raises(CommitFailed, match="ended; not now") as caught:
        await pair.both.commit(positions)
    assert not isinstance(caught.value, SourceEnded)
    pair.second.fail(SourceFailed("dead as well"))
    with pytest.raises(SourceEnded):
        await pair.both.commit(positions)


async def test_what_either_tells_is_told(pair: Pair) -> None:
    """Trouble and the end of either side are the pair's; it polls as seldom as the one that polls less."""
    pair.write(TIER, 3)
    pair.first.trouble("one")
    pair.second.fail(SourceFailed("dead"))
    assert pair.ear.troubles == ["one"]
    assert [str(error) for error in pair.ear.failures] == ["dead"]
    assert pair.both.last_poll() == min(pair.first.last_poll(), pair.second.last_poll())
    assert pair.both.watermarks()[FRESH].high == 0


async def test_joined_when_both_have() -> None:
    """The group that has given nothing yet is named, of each side for itself."""
    kafka, ear = FakeKafka(**{FRESH.topic: 1, TIER.topic: 1}), Ear()
    first, second = FakeSource(kafka, "worker"), FakeSource(kafka, "worker.retry")
    both = PairedSource(first, second, is_first=FRESH.topic.__eq__)
    await both.start(ear)
    assert both.not_joined() == ["worker", "worker.retry"]
    first.assign(FRESH)
    assert both.not_joined() == ["worker.retry"]
    second.assign()
    assert both.not_joined() == []
    await both.stop()


class Orders(PollThread):
    """Carries out orders at once, and remembers what was to be committed."""

    def __init__(self) -> None:
        self.wanted: list[WantedCommits] = []

    def order(self, order: Callable[[], None]) -> None:
        order()

    def commit(self, wanted: WantedCommits, answer: asyncio.Future[Positions]) -> None:
        self.wanted.append(wanted)
        answer.set_result({})


async def test_of_the_assignments_at_the_call() -> None:
    """What is committed of a log is not taken for the next one of its name, though that comes right after."""
    loop, before, after = asyncio.get_running_loop(), Epoch(FRESH, 1), Epoch(FRESH, 2)
    first = KafkaSource(consumer_config("127.0.0.1:1", "g", "c", {}), SourceOptions(["t"]), drain_timeout=1)
    first._bridge, first._ended = LoopBridge(loop, Ear(), 1.0), loop.create_future()
    first._poll_thread = orders = Orders()
    first._bridge.epochs[FRESH] = before
    both = PairedSource(first, FakeSource(FakeKafka()), is_first=FRESH.topic.__eq__)
    committing = asyncio.create_task(both.commit({FRESH: Position(500, "")}))
    loop.call_soon(first._bridge.epochs.update, {FRESH: after})
    await committing
    assert orders.wanted == [{before: Position(500, "")}]
