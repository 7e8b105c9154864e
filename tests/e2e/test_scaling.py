"""More workers and fewer, as many as are wanted: nothing is lost or sent again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Tracker
from tests.support.kafka import Names, Write, committed, create_topics, produce, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.process, pytest.mark.long]
PARTITIONS, PER_SECOND = 6, 60
# Seven lanes and 0.3 s: a worker does a third of what comes.
LANES = 8


class Load:
    """Events that come all the time, to all partitions by turns."""

    def __init__(self, kafka: str, topic: str) -> None:
        self.written = 0
        self._kafka, self._topic = kafka, topic
        self._enough = Event()

    @contextmanager
    def coming(self) -> Iterator[None]:
        """Write until the end."""
        writer = Thread(target=self._write)
        writer.start()
        try:
            yield
        finally:
            self._enough.set()
            writer.join()

    def _write(self) -> None:
        began = time.monotonic()
        while not self._enough.wait(0.5):
            # What should have come by now: a machine that is busy with others must not write less.
            numbers = range(self.written, int((time.monotonic() - began) * PER_SECOND))
            values = [(number, value(f"e-{number}", f"c-{number}")) for number in numbers]
            produce(self._kafka, self._topic, [Write(text, partition=n % PARTITIONS) for n, text in values])
            self.written += len(numbers)


def wanted(*programs: Program) -> float:
    """How many workers these want together."""
    return sum(program.metric("postback_workers_wanted") for program in programs)


def test_one_and_three_and_one(kafka: str, names: Names, tmp_path: Path) -> None:
    """A worker that can't do what comes wants two others; they come and go under load: one 200 each."""
    create_topics(kafka, {names.topic: PARTITIONS})
    load = Load(kafka, names.topic)
    with Tracker(lambda _query, _nth: "slow") as tracker, ExitStack() as running:
        env = settings(kafka, names, tracker, DESTINATION__CONCURRENCY=LANES)
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        first = running.enter_context(Program(env, tmp_path))
        first.ready()
        with load.coming():
            wait_until(f"three are wanted, not {wanted(first)}", lambda: wanted(first) > 2.5, within=90.0)
            others = [running.enter_context(Program(env, tmp_path)) for _ in range(2)]
            wait_until("each reads", lambda: all(shares(program, names) == 2 for program in (first, *others)))
            taken = len(tracker.hits)
            tracker.asked(taken + 4 * PER_SECOND)
            assert wanted(first, *others) <= PARTITIONS
            assert [other.end() for other in others] == [0, 0]
            wait_until("one has all", lambda: shares(first, names) == PARTITIONS)
        wait_until("all are committed", lambda: done(kafka, names) == load.written, within=60.0)
        assert first.end() == 0
    assert tracker.clicks == {f"c-{number}": 1 for number in range(load.written)}


def shares(program: Program, names: Names) -> int:
    """How many partitions of the source a worker has."""
    lines = program.get("/metrics")[1].splitlines()
    return sum(
        line.startswith("postback_outstanding{") and f'topic="{names.topic}"' in line for line in lines
    )


def done(kafka: str, names: Names) -> int:
    """How many records of the source are committed."""
    return sum(at.offset for at in committed(kafka, names.group, names.topic).values())
