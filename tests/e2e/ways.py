"""One run of the real program in which all happens that can happen to a record, and what was seen of it.

The rule: what is seen is read from outside: the partner, the topics, the commits, /metrics, the log.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

from prometheus_client.parser import text_string_to_metric_families as parse

from schemas import WorkerHeaders
from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Act, Query, Tracker
from tests.support.kafka import (
    Names,
    Read,
    Write,
    committed,
    create_topics,
    end_offsets,
    produce,
    read_all,
    wait_until,
)

TOKEN, QUERY_KEY = "s3cr3t-token", "s3cr3t-query"
OWN = (("trace", b"\x00\xff"), ("trace", b"again"), ("empty", b""))
LIMIT = 200_000  # bytes that the source takes for a batch
GOOD, FAILING, MAX_ATTEMPTS = 40, ("fails", "resets", "hangs", "is large"), 2
JUNK: list[tuple[str, bytes | None]] = [
    ("undecodable", b"<order/>"),
    ("undecodable", b"\xef\xbb\xbf{}"),
    ("undecodable", b'{"payout":NaN}'),
    ("undecodable", None),
    ("invalid", b"[]"),
    ("invalid", b'{"event_id":"x"}'),
    ("invalid", value("e-half", "half", event="purchase")),
    ("expired", value("e-old", "old", ago=31 * 86400)),
]
DEAD = len(JUNK) + 3  # the largest junk, and what is used up or rejected
_ACTS: dict[str, Act] = {"fails": 500, "resets": "reset", "hangs": "hang", "is large": 503}
_ALWAYS: dict[str, Act] = {"never": 400, "is gone": 410}


class Story(NamedTuple):
    """What was seen of the run."""

    tracker: Tracker
    names: Names
    written: dict[str, Write]
    tier: list[Read]
    dead: list[Read]
    behind: int
    metrics: str
    open_metrics: tuple[str, str]
    health: dict[str, tuple[int, str]]
    lines: list[str]
    exit_code: int

    @property
    def log(self) -> list[dict[str, Any]]:
        """The log."""
        return [json.loads(line) for line in self.lines]

    def counters(self, name: str) -> dict[tuple[str, ...], float]:
        """A metric's values, by those of its labels in the order of their names, the destination left out."""
        family = next(family for family in parse(self.metrics) if family.name == name)
        told = [(sorted(one.labels.items()), one.value) for one in family.samples if one.value]
        return {tuple(text for name, text in labels if name != "destination"): n for labels, n in told}


def act(query: Query, nth: int) -> Act:
    """What the partner does."""
    word = query["click_id"]
    return _ALWAYS.get(word) or (_ACTS.get(word, 200) if nth == 1 else 200)


def play(kafka: str, names: Names, tracker: Tracker, at: Path) -> Story:
    """Write everything, run the program until all has ended, and take down what can be seen."""
    create_topics(kafka, {names.topic: 2}, {"max.message.bytes": str(LIMIT)})
    env = settings(
        *(kafka, names, tracker),
        DESTINATION__SIMPLE_URL=f"{tracker.simple_url}&key={QUERY_KEY}",
        DESTINATION__HEADERS__X_TOKEN=TOKEN,
        DESTINATION__TIMEOUT="8s",  # that of the one that hangs: no other is so late on a machine that stalls
        DESTINATION__TERMINAL_STATUSES=410,
        RETRY__DELAYS="500ms,1h",
        RETRY__MAX_ATTEMPTS=MAX_ATTEMPTS,
        LOG__LEVEL="debug",
    )
    made = call("topics", "create", env=env, at=at)
    assert made.returncode == 0, made.stderr
    written = write(kafka, names)
    with Program(env, at) as program:
        program.ready()
        wait_until("all ended", lambda: ended(kafka, names), 60.0)
        wait_until("the lag is known", lambda: "postback_consumer_lag{" in program.get("/metrics")[1])
        health = {path: program.get(path) for path in ("/livez", "/readyz", "/healthz", "/nothing")}
        metrics = program.get("/metrics")[1]
        open_metrics = open_metrics_of(program.said("started")["http"])
        exit_code = program.end()
    return Story(
        tracker=tracker,
        names=names,
        written=written,
        tier=read_all(kafka, names.tier("500ms")),
        dead=read_all(kafka, names.dlq),
        behind=behind(kafka, names),
        metrics=metrics,
        open_metrics=open_metrics,
        health=health,
        lines=program.lines,
        exit_code=exit_code,
    )


def write(kafka: str, names: Names) -> dict[str, Write]:
    """Write the records of all kinds; those that are looked for later, by their word."""
    due = tuple(WorkerHeaders(attempts=1, due_at=time.time() + 3000).write())
    produce(kafka, names.tier("1h"), [Write(value("e-later", "not due"), b"later", due)])
    words = ("fails", "resets", "hangs", "never", "is gone")
    written = {word: Write(value(f"e-{word}", word), word.encode(), OWN) for word in words}
    produce(kafka, names.topic, [*written.values(), *(Write(junk, b"junk", OWN) for _, junk in JUNK)])
    written["is large"] = largest(
        *(kafka, names.topic), lambda size: value("e-large", "is large", unknown="x" * size)
    )
    written["junk"] = largest(kafka, names.topic, lambda size: b"junk" + b"x" * size)
    produce(kafka, names.topic, [value(f"e-good-{number}", f"good-{number}") for number in range(GOOD)])
    return written


def largest(kafka: str, topic: str, make: Callable[[int], bytes]) -> Write:
    """Write the largest record that a topic takes, padded by `make(bytes)`, and return it."""
    most = LIMIT - len(make(0)) - 61  # the head of a batch
    for padding in range(most, most - 50, -1):
        record = Write(make(padding), b"large")
        try:
            produce(kafka, topic, [record])
        except AssertionError:
            continue
        return record
    raise AssertionError("the topic takes nothing")


def ended(kafka: str, names: Names) -> bool:
    """Whether every record that is to end in this run has."""
    return sum(end_offsets(kafka, names.dlq).values()) == DEAD and behind(kafka, names) == 0


def behind(kafka: str, names: Names) -> int:
    """How many records of the source and the first tier are not committed."""
    topics = (names.topic, names.tier("500ms"))
    there = sum(sum(end_offsets(kafka, topic).values()) for topic in topics)
    return there - sum(
        at.offset for topic in topics for at in committed(kafka, names.group_of(topic), topic).values()
    )


def open_metrics_of(address: str) -> tuple[str, str]:
    """The content type and the text of /metrics for one who asks for OpenMetrics."""
    wanted = {"Accept": "application/openmetrics-text; version=1.0.0"}
    with urlopen(Request(f"http://{address}/metrics", headers=wanted), timeout=10) as answer:
        return answer.headers["Content-Type"], answer.read().decode()
