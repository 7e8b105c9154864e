"""The rights that a console needs: all of them are enough, and it names each that it lacks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from time import time

import pytest

from tests.cli.invoke import kafka_env, run
from tests.e2e.commands import needed_by
from tests.e2e.events import value
from tests.e2e.test_command_rights import TOLD_WITHIN_SECONDS, each, properties
from tests.support.acl import Guarded
from tests.support.kafka import Names, Write, create_topics, produce, wait_until
from tests.support.secured import Secured
from worker.console.actions import ReplayOptions
from worker.console.kafka_watch import KafkaWatch
from worker.console.ordered import KafkaActions
from worker.console.watch import DestinationSnapshot, ReplayState, RowsQuery
from worker.core.event_filter import EventFilter
from worker.core.undelivered import UndeliveredState
from worker.ops.errors import CannotDo
from worker.ops.explain_reading import SoughtConversion
from worker.ops.orders import Giver
from worker.settings import Deployment, Settings

pytestmark = [pytest.mark.kafka, pytest.mark.process]


class Console:
    """A console of USER's, which has been started."""

    def __init__(self, broker: Guarded, names: Names) -> None:
        kafka = {"bootstrap_servers": broker.guarded, "topic": names.topic, "group_id": names.group}
        login = {name.lower().replace("_", "."): text for name, text in properties().items()}
        given = {"kafka": {**kafka, "properties": login}, "retry": {"delays": "10s"}}
        deployment = Deployment.of(Settings.model_validate(given))
        self.name = deployment.names[0]
        self.watch = KafkaWatch(deployment)
        self.actions = KafkaActions(self.watch)

    @property
    def snapshot(self) -> DestinationSnapshot:
        """What is seen now."""
        return self.watch.snapshot(self.name)

    def sees_all(self) -> bool:
        """Whether it has read all there is, and lacks nothing."""
        snapshot = self.snapshot
        return snapshot.trouble is None and snapshot.progress.is_whole and snapshot.status is not None

    def dead(self) -> list[str | None]:
        """The event ids of the dead letters that it shows."""
        return [
            row.letter.event_id for row in self.watch.rows(self.name, RowsQuery(UndeliveredState.DEAD)).rows
        ]

    def lacks(self, kind: str, name: str, right: str) -> bool:
        """Whether it names this right, and no other."""
        lines = [] if self.snapshot.trouble is None else self.snapshot.trouble.reasons
        return [(line.startswith(f"{kind} {name}:"), line.endswith(f" {right}")) for line in lines] == [
            (True, True)
        ]

    def why_not(self, act: Callable[[], object]) -> str:
        """Why something can't be done; nothing where it can."""
        try:
            act()
        except CannotDo as error:
            return "; ".join(self.actions.with_lacking_rights(self.name, error).reasons)
        return ""


@pytest.fixture
async def console(secured: Secured, names: Names) -> AsyncIterator[Console]:
    """A console whose user may do nothing yet; an event waits to be sent, another is dead."""
    broker = secured.guarded
    create_topics(broker.open, {names.topic: 1})
    made = run("topics", "create", env=kafka_env(broker.open, names))
    assert made.exit_code == 0, made.stderr
    produce(broker.open, names.topic, [value("e-1", "c-1")])
    produce(broker.open, names.dlq, [Write(value("e-2", "c-2"), b"c-2")])
    console = Console(broker, names)
    console.watch.start()
    try:
        yield console
    finally:
        await asyncio.to_thread(console.watch.close)


async def test_what_it_needs_to_show(secured: Secured, names: Names, console: Console) -> None:
    """With its rights it shows all there is; without one it names just that, and goes on once it has it."""
    rights = each(needed_by(names)["console"])

    def play() -> None:
        for of in rights:
            secured.guarded.grant(*of)
        wait_until("it sees all", console.sees_all)
        # What was read before it might read that topic was all there was to see.
        wait_until("the dead one is shown", lambda: console.dead() == ["e-2"])
        found = console.watch.search(SoughtConversion("event_id", "e-1"), "48h")
        assert [one.event_id for one in found] == ["e-1"]
        for of in rights:
            secured.guarded.take(*of)
            wait_until(f"it lacks {of}", lambda: console.lacks(*of), TOLD_WITHIN_SECONDS)  # noqa: B023
            secured.guarded.grant(*of)
        wait_until("it sees all", console.sees_all)

    await asyncio.to_thread(play)


async def test_what_it_needs_to_act(secured: Secured, names: Names, console: Console) -> None:
    """With the rights to act it gives every order, and replays; without one of them it names that."""
    needed = needed_by(names)
    shows, acts = each(needed["console"]), each(needed["console --allow-actions"])
    more = {(names.topic, "WRITE"), (names.control, "WRITE")}
    assert {of[1:] for of in acts} - {of[1:] for of in shows} == more
    name, actions, giver = console.name, console.actions, Giver("me@console", time())
    wanted = EventFilter.of({"click_id": "c-1"})
    deeds: dict[str, Callable[[], object]] = {
        "pause": lambda: actions.pause(name, giver, None),
        "resume": lambda: actions.resume(name, giver),
        "rate": lambda: actions.rate(name, giver, 5.0, None),
        "now": lambda: actions.send_now(name, giver, wanted),
        "drop": lambda: actions.drop(name, giver, wanted),
        "cancel": lambda: actions.cancel(name, giver, wanted, None),
        "pending": lambda: actions.pending(name, wanted, waiting=False),
        "preview": lambda: actions.preview_replay(name, ReplayOptions()),
    }

    def lacking() -> dict[str, str]:
        """What can't be done, and what is said of that."""
        said = {deed: console.why_not(act) for deed, act in deeds.items()}
        return {deed: why for deed, why in said.items() if why}

    def play() -> None:
        for of in shows:
            secured.guarded.grant(*of)
        wait_until("it sees all", console.sees_all)
        line = "topic {}: this user lacks a right: grant it WRITE"
        refused = lacking()
        assert set(refused) == {"pause", "resume", "rate", "now", "drop", "cancel"}
        assert all(line.format(names.control) in why for why in refused.values())
        secured.guarded.grant("topic", names.control, "WRITE")
        wait_until("it may order", lambda: not lacking())
        replay = partial(actions.replay, name, giver, ReplayOptions(), None)
        assert console.why_not(replay) == ""
        lacks_it = line.format(names.topic)
        wait_until("it says why", lambda: any(lacks_it in one.troubles for one in console.snapshot.replays))
        secured.guarded.grant("topic", names.topic, "WRITE")
        wait_until("it may replay", lambda: not console.why_not(replay) and is_replayed(console))

    await asyncio.to_thread(play)


def is_replayed(console: Console) -> bool:
    """Whether the only replay is done."""
    return [one.state for one in console.snapshot.replays] == [ReplayState.DONE]
