"""What the parts of a run write down, one JSON object a line, and how it is read again.

The rule: a line is written before what it tells of can be seen by another, or marked as done after. Times are
monotonic seconds, the same for every process of one machine; `wall` alone is epoch seconds.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

SENT, ASKED, ANSWERED = "sent.jsonl", "asked.jsonl", "answered.jsonl"
COMMITTED, GROUP, DEEDS = "committed.jsonl", "group.jsonl", "deeds.jsonl"
HOPS, DUMPED, INTERVENTIONS = "hops.jsonl", "dumped.jsonl", "interventions.jsonl"
STEPS, ROUND_TRIPS = "steps.jsonl", "round_trips.jsonl"

RECORDED = "cut"
"""What a partner does that records a conversion, and then resets the connection."""

Line = TypeVar("Line", bound=NamedTuple)


class Sent(NamedTuple):
    """The source topic has acknowledged an event at `at`; `made` is its record's own time."""

    event: str
    topic: str
    partition: int
    offset: int
    at: float
    made: float


class Asked(NamedTuple):
    """The partner has read a request; `action` is a status or a misdeed: a late 200, a reset and the like."""

    number: int
    event: str
    worker: str
    at: float
    wall: float
    action: str


class Answered(NamedTuple):
    """The partner has recorded request `number`, and written its 200 unless it is RECORDED."""

    number: int
    at: float


class Step(NamedTuple):
    """A step as it lies in the journal; `at` is when the broker had taken it; without an attempt it is 0.

    `said` is when its `worker` had it noted.
    """

    event: str
    step: str
    attempt: int
    origin: str
    at: float
    worker: str = ""
    said: float = 0.0


class Committed(NamedTuple):
    """A look at what the group has committed for a partition; written when it is another than before.

    It was asked for at `since`, and true at `at` at the latest. `epoch` is the leader's, -1 for none.
    """

    topic: str
    partition: int
    offset: int
    metadata: str
    at: float
    since: float = 0.0
    epoch: int = -1


class Group(NamedTuple):
    """A look at the state of the group (`Stable`, …); written when it is another than before."""

    state: str
    before: float
    """When it was last seen in the state before, or not seen at all."""
    at: float


class Deed(NamedTuple):
    """What was done to a worker (`w1-2`: slot 1, its second process), `broker`, `partner` or a topic."""

    what: str
    whom: str
    at: float


class Intervention(NamedTuple):
    """What an operator or a power cut did to a partition between `before` and `at`; `what` is of `history`.

    `offset` is where the log begins anew (`re-made`: 0), ends (`truncated`), starts (`retention passed it`),
    or where the group goes on (an offset that was set, or one that is gone).
    `topic_id` is the new log's, of a topic that was made again; `epoch` the last one of a log that was cut.
    """

    what: str
    topic: str
    partition: int
    offset: int
    before: float
    at: float
    topic_id: str = ""
    epoch: int = -1


class RoundTrip(NamedTuple):
    """We wrote a record and committed an offset, from `at` on, in so many seconds."""

    at: float
    seconds: float


class Log:
    """Appends lines to a file; safe for threads, and what is written survives our own death."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(self, line: NamedTuple) -> None:
        """Write a line, at once."""
        os.write(self._file, json.dumps(line).encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


class Tail:
    """Reads what has been added to a log since the last look."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    def new(self, kind: type[Line]) -> Iterator[Line]:
        """Yield the lines that are whole and new; none while there is no file."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._read += len(line)
                yield kind(*json.loads(line))


def read_log(path: Path, kind: type[Line]) -> list[Line]:
    """Read a whole log; nothing where there is none."""
    return list(Tail(path).new(kind))


def deed(what: str, whom: str) -> Deed:
    """Make a deed of this moment."""
    return Deed(what, whom, time.monotonic())
