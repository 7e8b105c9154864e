"""`explain` where the journal does not tell: by the tiers, the dead letters, and how the destination does."""

from __future__ import annotations

import time
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from schemas import DeadReason, RetryReason, StepKind, WorkerHeaders, format_time
from tests.cli.invoke import kafka_env, run, run_json
from tests.cli.test_explain import told
from tests.e2e.events import value
from tests.support.kafka import WITHIN, Names, Write, create_topics, produce, wait_until
from worker.ops.explain import GONE
from worker.ops.status import DestinationWatcher, Status

pytestmark = pytest.mark.kafka


@pytest.fixture
def env(kafka: str, names: Names) -> dict[str, str]:
    """The variables for a destination that has all of its topics, whose group has finished two events."""
    topics = [names.topic, names.dlq, names.journal, names.tier("10s")]
    create_topics(kafka, {**dict.fromkeys(topics, 1), names.control: 1})
    produce(kafka, names.topic, [Write(value("e-0", "c-0")), Write(value("e-1", "c-1", order_id="o-1"))])
    with Consumer({"bootstrap.servers": kafka, "group.id": names.group}) as consumer:
        consumer.commit(offsets=[TopicPartition(names.topic, 0, 2)], asynchronous=False)
    return kafka_env(kafka, names)


def of(name: str, **headers: Any) -> Write:
    """A record that the worker has moved: a conversion, and what its headers say."""
    told_of_it = {"attempts": 3, "origin": "t/0/1", "status": 503, "error": "HTTP 503", **headers}
    return Write(
        value(name, f"c-{name[2:]}", order_id=f"o-{name[2:]}"),
        b"k",
        tuple(WorkerHeaders(**told_of_it).write()),
    )


def dead(name: str, **headers: Any) -> Write:
    """A dead letter."""
    return of(name, **{"reason": DeadReason.EXHAUSTED, "dead_at": time.time() - 60, **headers})


@pytest.mark.parametrize("journal", ["true", "false"])
@pytest.mark.parametrize("asked", [["e-1"], ["--click-id", "c-1"], ["--order-id", "o-1"]])
def test_dead_letter(kafka: str, names: Names, env: dict[str, str], asked: list[str], journal: str) -> None:
    """A dead letter tells of itself what the journal does not, also where there is no journal."""
    produce(kafka, names.dlq, [dead("e-7"), dead("e-1")])
    found = run_json("explain", *asked, env={**env, "POSTBACK_JOURNAL__ENABLED": journal})
    assert (found["verdict"], found["line"]) == ("dead", "dead: exhausted, HTTP 503")
    assert (found["event_id"], found["steps"][0]["attempt"]) == ("e-1", 3)
    assert len(found["published"]) == 1


def test_nothing_but_a_letter(kafka: str, names: Names, env: dict[str, str]) -> None:
    """What is no longer on the source is told by its letter alone, unless that is older than is asked for."""
    produce(kafka, names.dlq, [dead("e-7", reason=DeadReason.CANCELLED, error="offer 7 ended")])
    found = run_json("explain", "e-7", env=env)
    assert (found["verdict"], found["line"]) == ("cancelled", "cancelled: offer 7 ended")
    never = "never published in the last 1s\n"
    wait_until("it is a second old", lambda: run("explain", "e-7", "--since", "1s", env=env).stdout == never)


def test_waiting(kafka: str, names: Names, env: dict[str, str]) -> None:
    """What waits in a tier tells until when."""
    due = time.time() + 3600
    produce(kafka, names.tier("10s"), [of("e-1", reason=RetryReason.STATUS, due_at=due)])
    found = run_json("explain", "e-1", env=env)
    assert found["verdict"] == "waiting"
    assert found["line"].startswith(f"waiting for attempt 4, due {format_time(due)[11:19]} UTC, in ")


def test_waiting_without_headers(kafka: str, names: Names, env: dict[str, str]) -> None:
    """What somebody put into a tier without headers was tried once and is due, as the worker reads it."""
    produce(kafka, names.tier("10s"), [Write(value("e-7", "c-7"), b"k")])
    lines = run("explain", "e-7", env=env).stdout.splitlines()
    assert lines[-2].endswith("  retry in 10s, due at once")
    assert lines[-1] == "waiting for attempt 2"


def test_waiting_for_long(kafka: str, names: Names, env: dict[str, str]) -> None:
    """What waits is told however long ago it was published: it has not ended."""
    waits = of("e-7", reason=RetryReason.STATUS, due_at=time.time() + 3600)
    ago = int(time.time() - 7200) * 1000
    producer = Producer({"bootstrap.servers": kafka})
    producer.produce(names.tier("10s"), waits.value, headers=dict(waits.headers), timestamp=ago)
    assert producer.flush(WITHIN) == 0
    assert run_json("explain", "e-7", "--since", "1h", env=env)["verdict"] == "waiting"


def test_a_bare_letter(kafka: str, names: Names, env: dict[str, str]) -> None:
    """A letter that does not say why it died is told as that."""
    produce(kafka, names.dlq, [Write(value("e-7", "c-7"))])
    found = run_json("explain", "e-7", env=env)
    assert (found["verdict"], found["line"]) == ("dead", "dead: for a reason that is not told")
    assert "dead: for a reason that is not told\n" in run("explain", "e-7", env=env).stdout


def test_replayed_since(kafka: str, names: Names, env: dict[str, str]) -> None:
    """A letter does not tell how a replay of it went."""
    replayed = tuple(WorkerHeaders(replays=1).write())
    produce(kafka, names.topic, [Write(value("e-7", "c-7"), b"k", replayed)])
    with Consumer({"bootstrap.servers": kafka, "group.id": names.group}) as consumer:
        consumer.commit(offsets=[TopicPartition(names.topic, 0, 3)], asynchronous=False)
    produce(kafka, names.dlq, [dead("e-7")])
    assert run_json("explain", "e-7", env=env)["verdict"] == "untold"
    produce(kafka, names.dlq, [dead("e-7", replays=1)])
    assert run_json("explain", "e-7", env=env)["verdict"] == "dead"


def test_steps_come_first(kafka: str, names: Names, env: dict[str, str]) -> None:
    """Where the journal tells of an event, its letter adds nothing."""
    produce(kafka, names.dlq, [dead("e-1")])
    produce(
        kafka, names.journal, [told(StepKind.DELIVERED, "e-1", f"{names.topic}/0/1", attempt=1, status=200)]
    )
    found = run_json("explain", "e-1", env=env)
    assert (found["verdict"], [step["step"] for step in found["steps"]]) == ("delivered", ["delivered"])


def test_while_the_journal_was_off(kafka: str, names: Names, env: dict[str, str]) -> None:
    """What became of an event since its last step is told by the tier or the letter that has it."""
    due = time.time() + 3600
    fields = {"attempt": 1, "status": 503, "tier": "10s", "due_at": format_time(time.time() - 60)}
    steps = [told(StepKind.RETRY, f"e-{n}", f"{names.topic}/0/{n}", **fields) for n in range(2)]
    produce(kafka, names.journal, steps)
    produce(kafka, names.tier("10s"), [of("e-1", reason=RetryReason.STATUS, due_at=due)])
    produce(kafka, names.dlq, [dead("e-0", dead_at=time.time())])
    waits = run_json("explain", "e-1", env=env)
    assert waits["line"].startswith(f"waiting for attempt 4, due {format_time(due)[11:19]} UTC, in ")
    assert [step["attempt"] for step in waits["steps"]] == [1, 3]
    assert run_json("explain", "e-0", env=env)["line"] == "dead: exhausted, HTTP 503"


def test_why_it_is_held(kafka: str, names: Names, env: dict[str, str]) -> None:
    """What ought to go and does not is told with how its destination does, and whether a tier holds it."""
    produce(kafka, names.topic, [Write(value("e-2", "c-2"))])
    line = run_json("explain", "e-2", env=env)["line"]
    assert line.startswith(
        "not yet read: none before it; it is the next, or being sent; momentscience: no worker, "
    )
    due_at = time.time() - 60
    fields = {"attempt": 1, "status": 503, "tier": "10s", "due_at": format_time(due_at)}
    produce(kafka, names.journal, [told(StepKind.RETRY, "e-1", f"{names.topic}/0/1", **fields)])
    found = run_json("explain", "e-1", env=env)
    assert found["verdict"] == "overdue"
    assert f"s ago{GONE}; momentscience: no worker, nobody reads" in found["line"]
    produce(kafka, names.tier("10s"), [of("e-1", reason=RetryReason.STATUS, due_at=due_at)])
    assert "s ago; momentscience: no worker, nobody reads" in run_json("explain", "e-1", env=env)["line"]


def test_asked_once(kafka: str, names: Names, env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """How a destination does is asked once, however many conversions of a click it keeps."""
    looks: list[DestinationWatcher] = []
    look = DestinationWatcher.look

    def counted(watcher: DestinationWatcher) -> Status:
        looks.append(watcher)
        return look(watcher)

    monkeypatch.setattr(DestinationWatcher, "look", counted)
    produce(kafka, names.topic, [Write(value(f"e-{number}", "c-9")) for number in range(20, 25)])
    printed = run("explain", "--click-id", "c-9", env=env).stdout
    assert printed.count("; momentscience: no worker, ") == 5
    assert len(looks) == 1
