"""The watch of a real Kafka: what it reads, and how it goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from time import time
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Consumer

from schemas import format_time
from schemas.journal import StepKind
from tests.console.topics import Destination, letter, make_topics, retry, step, value
from tests.console.watch_suite import WatchSuite, until
from tests.support.kafka import Names, Write, create_topics, delete_topics, end_offsets, read_all, wait_until
from worker.adapters.kafka import group_state, live_reader
from worker.adapters.kafka.login import KafkaLogin
from worker.console.kafka_watch import KafkaWatch
from worker.console.watch import DestinationSnapshot, Replay, ReplayState, RowsQuery, Trouble, Watch
from worker.core.flow_diagnosis import FlowVerdict
from worker.core.undelivered import UndeliveredState
from worker.ops.plans import Plan
from worker.settings import Deployment

pytestmark = pytest.mark.kafka


class KafkaWorld:
    """The topics of a destination on a real Kafka, and a watch of them."""

    def __init__(self, bootstrap: str, names: Names) -> None:
        self.here = Destination(bootstrap, names)
        self.name = self.here.settings.destination.name
        self.login = KafkaLogin()
        self.watch: Watch = KafkaWatch(Deployment.of(self.here.settings), self.login)

    def die(self, event_id: str, status: int, **fields: Any) -> None:
        """See World."""
        self.here.write(self.here.names.dlq, letter(event_id, status=status, **fields))

    def replay(self, event_id: str) -> None:
        """See World."""
        there = read_all(self.here.bootstrap, self.here.names.dlq)
        sought = f'"{event_id}"'.encode()
        places = frozenset((one.partition, one.offset) for one in there if sought in (one.value or b""))
        self.plan(Plan("replay", uuid4().hex, "{}", time(), {0: 0, 1: 0}, len(places), places, is_done=True))

    def plan(self, plan: Plan) -> None:
        """A plan is written as a replay writes it."""
        records = [Write(value, key, (), 0) for key, value in [*plan.parts(), plan.head()]]
        self.here.write(self.here.names.control, *records)


@pytest.fixture
async def world(kafka: str, names: Names) -> AsyncIterator[KafkaWorld]:
    """A world whose watch has seen that nothing is there."""
    make_topics(kafka, names)
    made = KafkaWorld(kafka, names)
    made.watch.start()
    try:
        await until(made, lambda snapshot: snapshot.status is not None)
        yield made
    finally:
        made.watch.close()


class TestKafkaWatch(WatchSuite):
    """The suite."""


async def test_the_last_hour(world: KafkaWorld) -> None:
    """What was published, delivered, failed and died is counted as it happens, and is in the status."""
    names = world.here.names
    world.here.write(names.topic, *(Write(value(f"e-{n}")) for n in range(5)))
    attempt: dict[str, Any] = {"attempt": 1, "ms": 3, "url": "http://partner/"}
    world.here.write(
        names.journal,
        step("e-0", status=200, **attempt),
        step("e-1", StepKind.RETRY, status=500, reason="status", due_at=format_time(time()), **attempt),
        step("e-2", StepKind.DEAD, reason="expired"),
    )
    # The status speaks of the latest seconds alone: it is looked at first.
    snapshot = await until(
        world, lambda snapshot: snapshot.status is not None and snapshot.status.flow.steps.failures == 1
    )
    assert snapshot.status is not None
    assert (snapshot.status.diagnosis.verdict, snapshot.status.flow.lag) == (FlowVerdict.NO_WORKER, 5)
    assert (snapshot.status.flow.steps.delivered, snapshot.status.flow.steps.failed) == (1, {"500": 1})
    snapshot = await until(world, lambda snapshot: sum(minute.delivered for minute in snapshot.hour) == 1)
    snapshot = await until(
        world, lambda snapshot: sum(minute.published or 0 for minute in snapshot.hour) == 5
    )
    assert len(snapshot.hour) == 60
    assert sum(minute.waiting for minute in snapshot.hour) == 1
    assert [minute.failed for minute in snapshot.hour if minute.failed] == [{"500": 1}]
    assert [minute.dead for minute in snapshot.hour if minute.dead] == [{"expired": 1}]
    assert snapshot.trouble is None
    assert snapshot.progress.is_whole


async def test_what_waits_in_a_former_tier(kafka: str, names: Names) -> None:
    """What waits in a tier that the settings no longer have is undelivered, too, and its row is shown."""
    make_topics(kafka, names)
    create_topics(kafka, {names.tier("7m"): 1})
    world = KafkaWorld(kafka, names)
    world.here.write(names.tier("7m"), retry("e-1"))
    world.watch.start()
    try:
        snapshot = await until(world, lambda snapshot: sum(group.size for group in snapshot.undelivered) == 1)
        (group,) = snapshot.undelivered
        page = world.watch.rows(world.name, RowsQuery(UndeliveredState.WAITING, group.key))
        assert [row.where for row in page.rows] == ["7m 0/0"]
    finally:
        world.watch.close()


async def test_what_waits_until_it_has_ended(world: KafkaWorld) -> None:
    """A retry waits until it was delivered, or died: then it is dead, once."""
    names = world.here.names
    world.here.write(names.tier("10m"), retry("e-1"), retry("e-2"))
    snapshot = await until(world, lambda snapshot: sum(group.size for group in snapshot.undelivered) == 2)
    (group,) = snapshot.undelivered
    assert (group.kind, group.reason, group.status) == (UndeliveredState.WAITING, "status", 500)
    assert group.due is not None
    assert 500 < group.due - time() < 601
    rows = world.watch.rows(world.name, RowsQuery(UndeliveredState.WAITING))
    assert [row.where for row in rows.rows] == ["10m 0/1", "10m 0/0"]
    world.here.write(names.journal, step("e-1", status=200))
    world.here.write(names.dlq, letter("e-2", ago=0.0))
    snapshot = await until(
        world, lambda snapshot: [group.kind for group in snapshot.undelivered] == [UndeliveredState.DEAD]
    )
    assert snapshot.undelivered[0].size == 1
    assert world.watch.row(world.name, rows.rows[0].place).ended == "ended"


async def test_a_replay_is_followed_by_what_is_on_the_source(world: KafkaWorld) -> None:
    """The progress of anybody's replay is read from the source, and its letters leave the list as they go."""
    names = world.here.names
    world.here.write(names.dlq, *(letter(f"e-{n}") for n in range(3)))
    await until(world, lambda snapshot: sum(group.size for group in snapshot.undelivered) == 3)
    ends = end_offsets(world.here.bootstrap, names.topic)
    plan = Plan(
        "replay", "a1", '{"status": 404}', time(), ends, 3, frozenset({(0, 0), (0, 1), (0, 2)}), by="me"
    )
    world.plan(plan)
    begun = Replay("a1", ReplayState.INTERRUPTED, plan.at, "me", {"status": 404}, 0, 3)
    snapshot = await until(world, lambda snapshot: [replay.sent for replay in snapshot.replays] == [0])
    assert [one._replace(at=plan.at, state=begun.state) for one in snapshot.replays] == [begun]
    headers = (("postback-replays", b"1"), ("postback-for", world.name.encode()))
    world.here.write(names.topic, Write(value("e-0"), None, headers), Write(value("e-9"), None, headers))
    snapshot = await until(world, lambda snapshot: [replay.sent for replay in snapshot.replays] == [1])
    assert [group.size for group in snapshot.undelivered] == [2]
    world.plan(plan._replace(is_done=True))
    snapshot = await until(world, lambda snapshot: not snapshot.undelivered)
    assert [(one.state, one.sent) for one in snapshot.replays] == [(ReplayState.DONE, 3)]


async def test_what_it_logs_in_with_is_replaced(world: KafkaWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """All its clients are made anew with that, once, and what was known stays known."""
    made: list[dict[str, Any]] = []
    troubles: list[Trouble | None] = []

    def are_made(snapshot: DestinationSnapshot) -> bool:
        troubles.append(snapshot.trouble)
        return len(made) >= 4  # of the topics, the tiers twice, and the source

    def make(settings: dict[str, Any]) -> Consumer:
        made.append(settings)
        return Consumer(settings)

    world.die("e-1", 404)
    await until(world, lambda snapshot: len(snapshot.undelivered) == 1)
    for module in (group_state, live_reader):
        monkeypatch.setattr(module, "Consumer", make)
    world.login.renew({"client.rack": "another"})
    world.die("e-2", 503)
    await until(world, lambda snapshot: len(snapshot.undelivered) == 2 and snapshot.trouble is None)
    await until(world, are_made)
    assert {one["client.rack"] for one in made} == {"another"}
    assert len(made) == 4 or any(troubles)  # a broker that did not answer is asked by others again


async def test_topics_that_are_missing(kafka: str, names: Names) -> None:
    """Topics that are missing are told, with what to do; once they are there it goes on by itself."""
    world = KafkaWorld(kafka, names)
    world.watch.start()
    try:
        snapshot = await until(world, lambda snapshot: snapshot.trouble is not None)
        assert snapshot.trouble is not None
        assert f"topic {names.control} does not exist" in snapshot.trouble.reasons
        assert "topics create" in str(snapshot.trouble.hint)
        make_topics(kafka, names)
        world.die("e-1", 404)
        await until(world, lambda snapshot: snapshot.trouble is None and len(snapshot.undelivered) == 1)
        delete_topics(kafka, [names.dlq])
        wait_until("it is gone", lambda: world.watch.snapshot(world.name).trouble is not None)
    finally:
        world.watch.close()
