"""What is done from the page, on a real Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from time import time

import pytest

from tests.cli.invoke import kafka_env, run
from tests.console.topics import Destination, letter, make_topics, retry, value
from tests.console.watch_suite import until
from tests.support.kafka import Names, Write, read_all
from worker.console.actions import ReplayOptions
from worker.console.kafka_watch import KafkaWatch
from worker.console.ordered import KafkaActions
from worker.console.watch import DestinationSnapshot, ReplayState
from worker.core.event_filter import EventFilter
from worker.core.orders import CancelOrder, HurryOrder, OrderEnd, PauseOrder, RateOrder
from worker.ops.errors import CannotDo, WrongUsage
from worker.ops.orders import Giver
from worker.ops.orders import standing as standing_orders
from worker.settings import Deployment

pytestmark = pytest.mark.kafka

WHO = "me@console"
ASKED = ReplayOptions(status=404)
LETTERS = 400
SLOW = 10.0
"""Letters a second: so that a slow machine has the time to break it off."""


class Console:
    """A console of one destination."""

    def __init__(self, here: Destination) -> None:
        deployment = Deployment.of(here.settings)
        self.name = here.settings.destination.name
        self.watch = KafkaWatch(deployment)
        self.actions = KafkaActions(self.watch)

    def giver(self) -> Giver:
        """Who acts, now."""
        return Giver(WHO, time(), "a test")


@pytest.fixture
def here(kafka: str, names: Names) -> Destination:
    """The topics of a destination."""
    make_topics(kafka, names)
    return Destination(kafka, names)


@pytest.fixture
async def console(here: Destination) -> AsyncIterator[Console]:
    """A console that has been started."""
    made = Console(here)
    made.watch.start()
    yield made
    await asyncio.to_thread(made.watch.close)


async def test_a_replay_goes_on(here: Destination, console: Console) -> None:
    """Another console sees that a replay is sent elsewhere, then that it was broken off, and goes on with it.

    So does the command.
    """
    here.write(here.names.dlq, *(letter(f"e-{n}") for n in range(LETTERS)), letter("other", status=410))
    await until(console, lambda snapshot: sum(group.size for group in snapshot.undelivered) == LETTERS + 1)
    preview = await asyncio.to_thread(console.actions.preview_replay, console.name, ASKED)
    assert (preview.going, preview.refused) == (LETTERS, {})
    id_ = await asyncio.to_thread(console.actions.replay, console.name, console.giver(), ASKED, SLOW)
    assert id_ is not None
    snapshot = await until(console, lambda snapshot: sent(snapshot) > 5)
    assert [(one.id, one.state, one.by) for one in snapshot.replays] == [(id_, ReplayState.RUNNING, WHO)]
    other = Console(here)
    other.watch.start()
    try:
        snapshot = await until(other, lambda snapshot: states(snapshot) == [ReplayState.ELSEWHERE])
        with pytest.raises(CannotDo, match="is under way, by me@console"):
            await asyncio.to_thread(other.actions.go_on, other.name, other.giver(), id_, SLOW)
        await asyncio.to_thread(console.watch.close)
        snapshot = await until(
            other, lambda snapshot: states(snapshot) == [ReplayState.INTERRUPTED] and sent(snapshot) > 5
        )
        assert [(one.total, one.rate) for one in snapshot.replays] == [(LETTERS, SLOW)]
        await _goes_on(here, other, id_, sent(snapshot))
    finally:
        await asyncio.to_thread(other.watch.close)
    there = [record.value for record in read_all(here.bootstrap, here.names.topic)]
    assert sorted(map(bytes, filter(None, there))) == sorted(value(f"e-{n}") for n in range(LETTERS))


async def _goes_on(here: Destination, other: Console, id_: str, before: int) -> None:
    """It goes on from here, is broken off here, and the command ends it."""
    again = await asyncio.to_thread(other.actions.go_on, other.name, other.giver(), id_, SLOW / 2)
    assert again == id_
    snapshot = await until(other, lambda snapshot: sent(snapshot) > before + 5)
    assert [(one.state, one.rate) for one in snapshot.replays] == [(ReplayState.RUNNING, SLOW / 2)]
    await asyncio.to_thread(other.actions.stop, other.name, id_)
    await until(
        other,
        lambda snapshot: states(snapshot) == [ReplayState.INTERRUPTED] and bool(snapshot.replays[0].troubles),
    )
    result = run("dlq", "replay", "--status", "404", "--yes", env=kafka_env(here.bootstrap, here.names))
    assert result.exit_code == 0, result.output
    assert f"goes on with a replay of {LETTERS}" in result.stderr
    await until(other, lambda snapshot: states(snapshot) == [ReplayState.DONE])
    await until(other, lambda snapshot: sum(group.size for group in snapshot.undelivered) == 1)
    with pytest.raises(CannotDo):
        await asyncio.to_thread(other.actions.go_on, other.name, other.giver(), id_, None)


def states(snapshot: DestinationSnapshot) -> list[ReplayState]:
    """How the replays stand."""
    return [one.state for one in snapshot.replays]


def sent(snapshot: DestinationSnapshot) -> int:
    """How many of the only replay are on the source."""
    return (snapshot.replays[0].sent or 0) if snapshot.replays else 0


async def test_orders(here: Destination, console: Console) -> None:
    """Each order is on the control topic with who gave it; what is pending is counted before."""
    here.write(here.names.topic, *(Write(value(f"s-{n}", offer_id="7")) for n in range(3)))
    here.write(here.names.tier("10m"), retry("e-1"), retry("e-2", status=404))
    name, actions, wanted = console.name, console.actions, EventFilter.of({"status": "404"})

    def act() -> None:
        assert actions.pending(name, EventFilter.of({"offer_id": "7"}), waiting=False).counts == {"source": 3}
        assert actions.pending(name, wanted, waiting=True).total == 1
        assert isinstance(actions.pause(name, console.giver(), "30m"), PauseOrder)
        assert isinstance(actions.resume(name, console.giver()), PauseOrder)
        assert isinstance(actions.rate(name, console.giver(), 5.0, None), RateOrder)
        assert isinstance(actions.rate(name, console.giver(), None, None), OrderEnd)
        assert isinstance(actions.send_now(name, console.giver(), wanted), HurryOrder)
        assert isinstance(actions.drop(name, console.giver(), wanted), CancelOrder)
        order = actions.cancel(name, console.giver(), EventFilter.of({"offer_id": "7"}), None)
        assert isinstance(order, CancelOrder)
        standing = standing_orders(here.settings).standing(time())
        assert {(type(one), one.provenance.by) for one in standing} == {(HurryOrder, WHO), (CancelOrder, WHO)}
        assert actions.end_cancel(name, console.giver(), order.id).key == order.key
        with pytest.raises(WrongUsage):
            actions.drop(name, console.giver(), EventFilter())

    await asyncio.to_thread(act)


async def test_what_can_not_be_replayed(here: Destination, console: Console) -> None:
    """A replay of nothing begins nothing, and one that is edited wrongly says why."""
    here.write(here.names.dlq, letter("e-1"))

    def act() -> None:
        nothing = console.actions.replay(console.name, console.giver(), ReplayOptions(status=500), None)
        assert nothing is None
        wrong = ReplayOptions(set_=("payout=much",))
        with pytest.raises(CannotDo, match="payout"):
            console.actions.replay(console.name, console.giver(), wrong, None)
        with pytest.raises(WrongUsage, match="no time"):
            console.actions.preview_replay(console.name, ReplayOptions(since="soon"))
        with pytest.raises(CannotDo, match="does not send"):
            console.actions.stop(console.name, "a1")

    await asyncio.to_thread(act)
