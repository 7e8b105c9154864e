"""`dlq replay`: what is left out, what is refused, and what is mended on its way; `dlq purge`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from schemas import DeadReason, WorkerHeaders, format_time
from tests.cli.invoke import NOBODY, kafka_env, run, run_json
from tests.support.kafka import Names, Write, create_topics, produce, read_all
from worker.core.event_filter import EventFilter
from worker.core.order_records import write
from worker.core.orders import CancelOrder, OrderEnd, Provenance
from worker.ops.plans import Plan

NOW = time.time()
DAY = 24 * 3600

kafka_test = pytest.mark.kafka


def dead(name: str, partition: int = 0, age: float = 0, occurred: float = NOW - 60, **fields: Any) -> Write:
    """A dead letter of the event `name`, given up `age` seconds before this test began."""
    replays = fields.pop("replays", None)
    headers = WorkerHeaders(
        attempts=12, reason=DeadReason.EXHAUSTED, status=503, dead_at=NOW - age, replays=replays
    ).write()
    event = {"event_id": name, "click_id": f"click-{name}", "occurred_at": format_time(occurred), **fields}
    return Write(json.dumps(event).encode(), f"click-{name}".encode(), tuple(headers), partition)


@pytest.fixture
def env(kafka: str, names: Names) -> dict[str, str]:
    """The variables for a source topic and an empty dead-letter topic."""
    create_topics(kafka, {names.topic: 1, names.dlq: 2})
    return kafka_env(kafka, names)


def sent(kafka: str, names: Names) -> list[dict[str, Any]]:
    """The events on the source."""
    return [json.loads(record.value or b"") for record in read_all(kafka, names.topic)]


@kafka_test
def test_once_and_again(kafka: str, names: Names, env: dict[str, str]) -> None:
    """What was replayed goes a second time only with --again, or when it has died again."""
    produce(kafka, names.dlq, [dead("a"), dead("b", 1)])
    assert run("dlq", "replay", "--event-id", "a", "--yes", env=env).stdout.startswith(
        "replayed 1 dead letter "
    )
    rest = run("dlq", "replay", "--yes", env=env)
    assert rest.stdout == f"replayed 1 dead letter to {names.topic}\n"
    assert rest.stderr == "left out: 1 dead letter that went before and did not die again (--again)\n"
    produce(kafka, names.dlq, [dead("a", replays=1)])
    assert run("dlq", "replay", "--yes", env=env).stdout.startswith("replayed 1 dead letter ")
    assert run("dlq", "replay", "--again", "--yes", env=env).stdout.startswith("replayed 2 dead letters ")
    assert sorted(one["event_id"] for one in sent(kafka, names)) == ["a", "a", "a", "b", "b"]


@kafka_test
def test_the_hopeless(kafka: str, names: Names, env: dict[str, str]) -> None:
    """What would only die again is counted by reason and does not go; where all would it is exit 1."""
    hopeless = [
        dead("old", occurred=NOW - 40 * DAY),
        dead("odd", payout="1,0"),
        dead("odd too", payout="x"),
        Write(b"{", b"k", tuple(WorkerHeaders(reason=DeadReason.UNDECODABLE).write()), 0),
    ]
    produce(kafka, names.dlq, [*hopeless, dead("good")])
    result = run("dlq", "replay", "--yes", env=env)
    assert (result.exit_code, result.stdout) == (0, f"replayed 1 dead letter to {names.topic}\n")
    assert result.stderr.splitlines() == [
        "refused: 1 dead letter that would only die again: expired",
        "refused: 2 dead letters that would only die again: invalid",
        "refused: 1 dead letter that would only die again: undecodable",
    ]
    assert [one["event_id"] for one in sent(kafka, names)] == ["good"]
    alone = run("dlq", "replay", "--event-id", "odd", "--yes", env=env)
    assert (alone.exit_code, alone.stdout) == (1, "replayed nothing\n")


@kafka_test
def test_what_changed_meanwhile(kafka: str, names: Names, env: dict[str, str]) -> None:
    """A replay that was broken off goes on without what was purged, or expired, since; then it is done."""
    create_topics(kafka, {names.control: 1})
    letters = [dead("purged", age=9 * DAY), dead("there"), dead("sent"), dead("old", occurred=NOW - 40 * DAY)]
    produce(kafka, names.dlq, letters)
    plan = Plan("replay", "x", "{}", NOW, {0: 0}, 4, frozenset((0, offset) for offset in range(4)))
    records = [*plan.parts(), plan.head()]
    produce(kafka, names.control, [Write(text, key) for key, text in records])
    headers = WorkerHeaders(replays=1, replayed_for="momentscience").write()
    produce(kafka, names.topic, [Write(letters[2].value, b"click-sent", tuple(headers))])
    assert run("dlq", "purge", "--before", "1d", "--yes", env=env).exit_code == 0
    result = run("dlq", "replay", "--yes", env=env)
    assert (result.exit_code, result.stdout) == (0, f"replayed 1 dead letter to {names.topic}\n")
    assert result.stderr.splitlines()[1:] == [
        "goes on with a replay of 4: 1 of them are there; 1 are no dead letters any more, sent or not",
        "refused: 1 dead letter that would only die again: expired",
    ]
    assert [one["event_id"] for one in sent(kafka, names)] == ["sent", "there"]
    again = run("dlq", "replay", "--yes", env=env)
    assert (again.exit_code, again.stdout) == (1, "replayed nothing\n")
    assert [one["event_id"] for one in sent(kafka, names)] == ["sent", "there"]


@kafka_test
def test_another_question(kafka: str, names: Names, env: dict[str, str]) -> None:
    """Another command leaves out what one that was broken off has sent, and sends the rest of it."""
    create_topics(kafka, {names.control: 1})
    letters = [dead("a"), dead("b"), dead("c")]
    produce(kafka, names.dlq, letters)
    plan = Plan("replay", "x", "another", NOW, {0: 0}, 3, frozenset((0, offset) for offset in range(3)))
    produce(kafka, names.control, [Write(text, key) for key, text in [*plan.parts(), plan.head()]])
    headers = WorkerHeaders(replays=1, replayed_for="momentscience").write()
    produce(kafka, names.topic, [Write(letters[1].value, b"click-b", tuple(headers))])
    result = run("dlq", "replay", "--reason", "exhausted", "--yes", env=env)
    assert result.stdout == f"replayed 2 dead letters to {names.topic}\n"
    assert sorted(one["event_id"] for one in sent(kafka, names)) == ["a", "b", "c"]
    assert run("dlq", "replay", "--yes", env=env).stdout == "replayed nothing\n"


@kafka_test
def test_the_cancelled(kafka: str, names: Names, env: dict[str, str]) -> None:
    """What an order that stands would cancel is refused; once the order has ended it goes."""
    create_topics(kafka, {names.control: 1})
    order = CancelOrder(Provenance(NOW, "me"), "x", EventFilter.of({"offer_id": "7"}))
    produce(kafka, names.dlq, [dead("a", offer_id="7"), dead("b")])
    _, key, text, *_ = write(order, names.control)
    produce(kafka, names.control, [Write(text, key)])
    first = run("dlq", "replay", "--yes", env=env)
    assert first.stdout.startswith("replayed 1 dead letter ")
    assert first.stderr == "refused: 1 dead letter that would only die again: cancelled\n"
    _, key, text, *_ = write(OrderEnd(Provenance(NOW, "me"), order.key), names.control)
    produce(kafka, names.control, [Write(text, key)])
    assert run("dlq", "replay", "--yes", env=env).stdout.startswith("replayed 1 dead letter ")
    assert sorted(one["event_id"] for one in sent(kafka, names)) == ["a", "b"]


@kafka_test
def test_set(kafka: str, names: Names, env: dict[str, str]) -> None:
    """--set mends each event, which keeps its id; where one is wrong all the same none goes."""
    produce(kafka, names.dlq, [dead("a", payout="1,0", event="sale"), dead("b", occurred=NOW + 9 * DAY)])
    bad = run("dlq", "replay", "--set", "payout=49.99", "--yes", env=env)
    assert (bad.exit_code, bad.stdout) == (1, "")
    assert bad.stderr.startswith("error: dead letter 0/1: occurred_at ")
    assert sent(kafka, names) == []
    mended = ("--set", "payout=49.99", "--set", "attributes.by=hand", "--event-id", "a", "--yes")
    assert run("dlq", "replay", *mended, env=env).exit_code == 0
    (one,) = sent(kafka, names)
    assert (one["event_id"], one["payout"], one["attributes"]) == ("a", "49.99", {"by": "hand"})


@kafka_test
def test_from(kafka: str, names: Names, env: dict[str, str], tmp_path: Path) -> None:
    """The lines of an edited export go as they are edited; one bad line, and none goes."""
    produce(kafka, names.dlq, [dead("a", payout="1,0", event="sale"), dead("b"), dead("c")])
    exported = run("dlq", "export", env=env).stdout.splitlines()[:2]
    file = tmp_path / "edited.jsonl"
    file.write_text("\n".join(exported))
    bad = run("dlq", "replay", "--from", str(file), "--yes", env=env)
    assert (bad.exit_code, bad.stdout) == (1, "")
    assert bad.stderr.startswith(f"error: {file}, line 1: payout ")
    other = exported[1].replace('\\"b\\"', '\\"x\\"')
    file.write_text("\n".join([exported[0].replace("1,0", "1.00"), other]))
    wrong = run("dlq", "replay", "--from", str(file), "--yes", env=env)
    assert wrong.stderr.startswith(f"error: {file}, line 2: event_id must stay b\n")
    beside = exported[1].replace('"click_id":"click-b","origin"', '"click_id":"mended","origin"')
    assert beside != exported[1]
    file.write_text(beside)
    unsent = run("dlq", "replay", "--from", str(file), "--yes", env=env)
    within = "only `value` is sent: edit the ids within it, not beside it"
    assert (unsent.exit_code, unsent.stderr.splitlines()[0]) == (1, f"error: {file}, line 1: {within}")
    assert sent(kafka, names) == []
    file.write_text("\n".join([exported[0].replace("1,0", "1.00"), exported[1]]))
    right = run("dlq", "replay", "--from", str(file), "--yes", env=env)
    assert (right.exit_code, right.stdout) == (0, f"replayed 2 dead letters to {names.topic}\n"), right.stderr
    found = {one["event_id"]: one.get("payout") for one in sent(kafka, names)}
    assert found == {"a": "1.00", "b": None}


@kafka_test
def test_from_places_that_are_not_there(
    kafka: str, names: Names, env: dict[str, str], tmp_path: Path
) -> None:
    """Lines whose partition or offset the topic does not have, or none can have, are named, and none goes."""
    produce(kafka, names.dlq, [dead("a")])
    line = run("dlq", "export", env=env).stdout
    lines = [line.replace('"offset":0', f'"offset":{offset}') for offset in (1, -1, 10**20)]
    lines += [line.replace('"partition":0', f'"partition":{number}') for number in (7, -1, 10**10)]
    file = tmp_path / "edited.jsonl"
    file.write_text("".join([line, *lines]))
    result = run("dlq", "replay", "--from", str(file), "--yes", env=env)
    assert (result.exit_code, result.stdout) == (1, "")
    places = ["0/1", "0/-1", f"0/{10**20}", "7/0", "-1/0", f"{10**10}/0"]
    there = [f"line {2 + at}: there is no dead letter at {place}" for at, place in enumerate(places)]
    assert result.stderr.splitlines()[:-1] == [f"error: {file}, {one}" for one in there]
    assert sent(kafka, names) == []


@kafka_test
def test_purge(kafka: str, names: Names, env: dict[str, str]) -> None:
    """`purge` removes what died before a time, of each partition up to the first that did not."""
    ages = [(0, 3 * DAY), (0, 10), (0, 3 * DAY), (1, 3 * DAY), (1, 2 * DAY)]
    produce(kafka, names.dlq, [dead(str(at), number, age) for at, (number, age) in enumerate(ages)])
    rows = run_json("dlq", "purge", "--before", "1d", "--dry-run", env=env)
    assert [(row["partition"], row["letters"]) for row in rows] == [(0, 1), (1, 2)]
    done = run("dlq", "purge", "--before", "1d", "--yes", env=env)
    assert (done.exit_code, done.stdout) == (0, f"purged 3 dead letters of {names.dlq}\n")
    assert {row["event_id"] for row in run_json("dlq", "list", env=env)} == {"1", "2"}
    assert run("dlq", "purge", "--before", "1d", "--yes", env=env).stdout == "purged nothing\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["replay", "--yes", "--set", "payout"],
        ["replay", "--yes", "--set", "event_id=x"],
        ["replay", "--yes", "--set", "payot=1.00"],
        ["replay", "--yes", "--from", "missing.jsonl"],
        ["purge", "--yes"],
        ["purge", "--before", "yesterday", "--yes"],
        ["purge", "--before", "1d"],
    ],
)
def test_wrong_usage(arguments: list[str], names: Names) -> None:
    """Wrong arguments, and nobody to ask, are exit 2 before any broker is asked."""
    result = run("dlq", *arguments, env=kafka_env(NOBODY, names))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: ")


def test_from_says_which(names: Names, tmp_path: Path) -> None:
    """With --from there are no filters and no --set."""
    file = tmp_path / "edited.jsonl"
    file.write_bytes(b"")
    for more in (["--reason", "expired"], ["--set", "payout=1.00"], ["--limit", "3"]):
        result = run("dlq", "replay", "--from", str(file), *more, "--yes", env=kafka_env(NOBODY, names))
        assert result.exit_code == 2
        assert "--from says which letters go" in result.stderr
