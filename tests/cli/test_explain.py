"""`explain` on a real Kafka: what became of a conversion, from its topics alone."""

from __future__ import annotations

import json
import time

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas import JournalStep, StepKind, format_time
from tests.cli.invoke import NOBODY, kafka_env, run, run_json
from tests.e2e.events import value
from tests.support.kafka import Names, Write, create_topics, produce
from tests.support.transactions import transactions

pytestmark = pytest.mark.kafka


def told(kind: StepKind, name: str, origin: str, **fields: object) -> Write:
    """A step of the journal."""
    step = JournalStep.model_validate(
        {
            "at": format_time(time.time()),
            "step": kind,
            "event_id": name,
            "click_id": f"c-{name}",
            "order_id": f"o-{name}",
            "origin": origin,
            **fields,
        }
    )
    return Write(step.to_json(), name.encode(), partition=int(origin.split("/")[1]))


@pytest.fixture
def env(kafka: str, names: Names) -> dict[str, str]:
    """The variables for a source and a journal that tell of four conversions, none of them committed."""
    create_topics(kafka, {names.topic: 2, names.journal: 2, names.dlq: 1, names.tier("10s"): 1})
    events = [
        Write(value(name, f"c-{name}", order_id=f"o-{name}"), b"k", partition=number % 2)
        for number, name in enumerate(["sent", "waits", "dead", "new"])
    ]
    produce(kafka, names.topic, events)
    later = format_time(time.time() + 3600)
    attempt = {"attempt": 1, "status": 503, "ms": 20, "url": "https://partner.example/?click_id=c"}
    retry = {**attempt, "tier": "2h", "due_at": later, "reason": "status", "body": "busy"}
    produce(
        kafka,
        names.journal,
        [
            told(StepKind.DELIVERED, "sent", f"{names.topic}/0/0", **{**attempt, "status": 200}),
            told(StepKind.RETRY, "waits", f"{names.topic}/1/0", **retry),
            told(StepKind.DEAD, "dead", f"{names.topic}/0/1", reason="invalid", error='payout "1,0"'),
            Write(b"no step", b"sent", partition=0),
        ],
    )
    return kafka_env(kafka, names)


@pytest.mark.parametrize(
    ("arguments", "verdict", "line"),
    [
        (["sent"], "delivered", "delivered at attempt 1, "),
        (["--click-id", "c-waits"], "waiting", "waiting for attempt 2, due "),
        (["--order-id", "o-dead"], "dead", 'dead: invalid, payout "1,0"'),
        (["new"], "not_read", "not yet read: 1 event before it"),
    ],
)
def test_verdict(env: dict[str, str], arguments: list[str], verdict: str, line: str) -> None:
    """A conversion is found by event, click or order; its verdict is a word in JSON and a line in text."""
    found = run_json("explain", *arguments, env=env)
    assert (found["verdict"], found["line"][: len(line)]) == (verdict, line)
    text = run("explain", *arguments, env=env)
    assert text.exit_code == 0
    assert text.stdout.splitlines()[-1].startswith(line)


def test_timeline(names: Names, env: dict[str, str]) -> None:
    """The timeline has where it was published, and each attempt with its answer."""
    lines = run("explain", "waits", env=env).stdout.splitlines()
    assert f"published at {names.topic}/1/0" in lines[1]
    assert "attempt 1: 503 in 20 ms, https://partner.example/?click_id=c; retry in 2h, until " in lines[2]
    assert "it answered 'busy'" in lines[2]


def test_never_published(env: dict[str, str]) -> None:
    """What was never published is told as that, with exit 1."""
    assert run_json("explain", "sent", "--since", "1970-01-01T00:00:00Z", env=env)["verdict"] == "delivered"
    text = run("explain", "nobody", "--since", "2h", env=env)
    assert (text.exit_code, text.stdout) == (1, "never published in the last 2h\n")
    for option in ("--click-id", "--order-id"):
        found = run("explain", option, "nobody", "-o", "json", env=env)
        assert (found.exit_code, json.loads(found.stdout)["verdict"]) == (1, "never_published")


def test_behind_an_open_transaction(kafka: str, names: Names, env: dict[str, str]) -> None:
    """Where an open transaction keeps records back it is said that what was not found may be among them."""
    with transactions(kafka, names.topic) as write:
        write("{}", end=False)
        produce(kafka, names.topic, [Write(value("behind", "c"), b"k", partition=n) for n in (0, 1)])
        found = run("explain", "behind-it", env=env)
    why = ", as far as can be read: an open transaction keeps back up to 2 records"
    assert (found.exit_code, found.stdout) == (1, f"never published in the last 48h{why}\n")
    assert run("explain", "behind-it", env=env).stdout == "never published in the last 48h\n"


def test_what_is_no_longer_there(kafka: str, names: Names, env: dict[str, str]) -> None:
    """Records that the source keeps no longer are not before an event."""
    produce(kafka, names.topic, [Write(value(f"n-{number}", "c"), b"k", partition=0) for number in range(9)])
    admin = AdminClient({"bootstrap.servers": kafka})
    for done in admin.delete_records([TopicPartition(names.topic, 0, 8)]).values():
        done.result()
    assert run_json("explain", "n-8", env=env)["line"].startswith("not yet read: 2 events before it")


def test_about_how_long(kafka: str, names: Names, env: dict[str, str]) -> None:
    """How long it takes is judged by what was finished since the partition flows, not by a whole minute."""
    ahead = [Write(value(f"n-{number}", f"c-{number}"), b"k", partition=0) for number in range(40)]
    produce(kafka, names.topic, [*ahead, Write(value("last", "c-last"), b"k", partition=0)])
    steps = [told(StepKind.DEAD, f"s-{number}", f"{names.topic}/0/{number}") for number in range(20)]
    produce(kafka, names.journal, steps)
    line = run_json("explain", "last", env=env)["line"]
    assert line.startswith("not yet read: 42 events before it, about ")
    assert int(line.split()[-2]) < 60


def test_of_one_click(kafka: str, names: Names, env: dict[str, str]) -> None:
    """Each conversion of a click has its own life; in JSON the newest is the object."""
    produce(kafka, names.topic, [Write(value("again", "c-sent"), b"k", partition=1)])
    text = run("explain", "--click-id", "c-sent", env=env)
    assert [line for line in text.stdout.splitlines() if line in {"sent", "again"}] == ["sent", "again"]
    found = run_json("explain", "--click-id", "c-sent", env=env)
    assert (found["event_id"], found["verdict"]) == ("again", "not_read")
    assert [one["verdict"] for one in found["others"]] == ["delivered"]


def test_without_a_journal(kafka: str, names: Names) -> None:
    """Where no journal is written, none is asked about how long an event takes that is not yet read."""
    create_topics(kafka, {names.topic: 1})
    produce(kafka, names.topic, [Write(value(name, f"c-{name}"), b"k") for name in ("one", "two")])
    env = kafka_env(kafka, names, POSTBACK_JOURNAL__ENABLED="false")
    assert run("explain", "two", env=env).stdout.splitlines()[-1] == "not yet read: 1 event before it"


def test_no_time(kafka: str, names: Names) -> None:
    """An event whose producer wrote microseconds as its time, or more, is told of without a time."""
    anything = {"message.timestamp.after.max.ms": str(2**63 - 1)}
    create_topics(kafka, {names.topic: 1}, anything)
    create_topics(kafka, {names.journal: 1, names.dlq: 1})
    times = [time.time_ns() // 1000, 2**63 - 1]
    produce(kafka, names.topic, [Write(value("e", "c"), b"k", partition=0, timestamp=one) for one in times])
    found = run_json("explain", "e", env=kafka_env(kafka, names))
    assert [one["at"] for one in found["published"]] == [None, None]
    text = run("explain", "e", env=kafka_env(kafka, names))
    assert f"published at {names.topic}/0/0" in text.stdout


@pytest.mark.parametrize("missing", ["journal", "topic"])
def test_missing_topic(kafka: str, names: Names, missing: str) -> None:
    """Without the source, or the journal, there is one line that names it."""
    there = {"journal": names.topic, "topic": names.journal}[missing]
    create_topics(kafka, {there: 1})
    text = run("explain", "e", env=kafka_env(kafka, names))
    assert text.exit_code == 1
    assert text.stderr.splitlines()[0] == f"error: topic {getattr(names, missing)} does not exist"


@pytest.mark.long
def test_nobody_answers(names: Names) -> None:
    """Without a broker it ends with one line."""
    text = run("explain", "e", env=kafka_env(NOBODY, names))
    assert text.exit_code == 1
    assert text.stderr.startswith(f"error: {NOBODY}: ")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "error: Invalid value: give either EVENT_ID, --click-id or --order-id"),
        (["e", "--click-id", "c"], "error: Invalid value: give either EVENT_ID, --click-id or --order-id"),
        (
            [""],
            "error: Invalid value: give either EVENT_ID, --click-id or --order-id, and none that is empty",
        ),
        (["e", "--since", "soon"], "error: Invalid value for --since: 'soon' is no time"),
    ],
)
def test_usage(arguments: list[str], line: str) -> None:
    """What can't be meant ends with exit 2 and a line."""
    text = run("explain", *arguments)
    assert text.exit_code == 2
    assert text.stderr.startswith(line)


def test_untold(kafka: str, names: Names, env: dict[str, str]) -> None:
    """What the group is done with, and the journal does not tell of, is said to be that."""
    offsets = [TopicPartition(names.topic, number, 2) for number in range(2)]
    with Consumer({"bootstrap.servers": kafka, "group.id": names.group}) as consumer:
        consumer.commit(offsets=offsets, asynchronous=False)
    found = run_json("explain", "new", env=env)
    assert found["verdict"] == "untold"
    assert [one["origin"] for one in found["published"]] == [f"{names.topic}/1/1"]
    waits = run_json("explain", "waits", env=env)
    assert (waits["verdict"], len(waits["published"])) == ("waiting", 1)


@pytest.fixture
def several(kafka: str, names: Names) -> dict[str, str]:
    """The variables for two destinations, one of which sent one event, while the other has read none."""
    groups = [f"{names.group}.{name}" for name in ("moment", "voluum")]
    journals = [f"{group}.journal" for group in groups]
    others = [f"{group}.{word}" for group in groups for word in ("dlq", "retry.10s")]
    create_topics(kafka, dict.fromkeys([names.topic, *journals, *others], 1))
    events = [value("theirs", "c", network="voluum"), value("ours", "c")]
    produce(kafka, names.topic, [Write(event, b"k", partition=0) for event in events])
    sent = told(StepKind.DELIVERED, "theirs", f"{names.topic}/0/0", attempt=1, status=200, ms=20)
    produce(kafka, journals[1], [sent])
    env = kafka_env(kafka, names)
    url = "https://partner.example/?click_id={click_id}"
    return {
        **{name: text for name, text in env.items() if not name.startswith("POSTBACK_DESTINATION__")},
        "POSTBACK_DESTINATIONS__MOMENT__URL": url,
        "POSTBACK_DESTINATIONS__VOLUUM__URL": url,
        "POSTBACK_DESTINATIONS__VOLUUM__WHEN__NETWORK": "voluum",
    }


def test_several_destinations(several: dict[str, str]) -> None:
    """Nobody need know whose an event is: it is told of those that take it, and by all of a click."""
    theirs = run_json("explain", "theirs", env=several)
    assert (theirs["destination"], theirs["verdict"]) == ("voluum", "delivered")
    assert "others" not in theirs
    ours = run_json("explain", "ours", env=several)
    assert (ours["destination"], ours["verdict"]) == ("moment", "not_read")
    both = run_json("explain", "--click-id", "c", env=several)
    told_of = {one["event_id"]: one["destination"] for one in [both, *both["others"]]}
    assert told_of == {"theirs": "voluum", "ours": "moment"}
    text = run("explain", "--click-id", "c", env=several).stdout.splitlines()
    assert {"theirs at voluum", "ours at moment"} <= set(text)
    assert run("explain", "theirs", env=several).stdout.splitlines()[0] == "theirs at voluum"


def test_passed_over(several: dict[str, str]) -> None:
    """A destination that is asked by name, and does not take it, says so; nobody's is never published."""
    found = run_json("explain", "theirs", "--destination", "moment", env=several)
    assert found["verdict"] == "passed"
    nobody = run("explain", "nobody", env=several)
    assert (nobody.exit_code, nobody.stdout) == (1, "never published in the last 48h\n")
