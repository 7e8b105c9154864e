"""Large records: what the real program holds is bounded in bytes, whatever the number of partitions."""

from __future__ import annotations

import base64
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Act, Query, Tracker
from tests.support.kafka import Names, Write, create_topics, produce

pytestmark = [pytest.mark.kafka, pytest.mark.process, pytest.mark.timeout(400)]

RECORDS = 900
SIZE = 900_000
MOST = 300_000_000
"""Bytes of resident memory that the program may have."""

SAMPLED_EVERY = 0.02
AT_ONCE = 20


class Peak:
    """The most memory that a process was seen to have, in bytes."""

    def __init__(self) -> None:
        self.seen = 0

    @contextmanager
    def of(self, pid: int) -> Iterator[None]:
        """Watch a process."""
        over = threading.Event()
        process = psutil.Process(pid)

        def watch() -> None:
            while not over.wait(SAMPLED_EVERY):
                self.seen = max(self.seen, process.memory_info().rss)

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def fill(kafka: str, names: Names, partitions: int) -> None:
    """Write the large records, a few at a time, in turn to each partition."""
    filler = base64.b64encode(random.Random(1).randbytes(SIZE * 3 // 4)).decode()
    for start in range(0, RECORDS, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, RECORDS))
        values = [value(f"e-{n}", f"c-{n}", filler=filler[n:]) for n in numbers]
        writes = [
            Write(text, b"key", partition=n % partitions) for n, text in zip(numbers, values, strict=True)
        ]
        produce(kafka, names.topic, writes)


def all_taken(_query: Query, _nth: int) -> Act:
    """Answer with a 200."""
    return 200


def second_time(_query: Query, nth: int) -> Act:
    """Answer with a 500 the first time."""
    return 500 if nth == 1 else 200


@pytest.mark.parametrize(
    ("partitions", "act", "delays"),
    [
        pytest.param(1, all_taken, "500ms", marks=pytest.mark.long),
        pytest.param(64, all_taken, "500ms", marks=pytest.mark.long),
        pytest.param(4, second_time, "10s", marks=pytest.mark.long),
        pytest.param(64, second_time, "10s", marks=pytest.mark.long),
    ],
    ids=["one partition", "64 partitions", "tiers of 4", "tiers of 64"],
)
def test_large_records(
    kafka: str, names: Names, tmp_path: Path, partitions: int, act: object, delays: str
) -> None:
    """Each of 900 records of 0.9 MB is delivered once, by a process of less than 300 MB."""
    assert callable(act)
    create_topics(kafka, {names.topic: partitions})
    peak = Peak()
    with Tracker(act) as tracker:
        env = settings(
            kafka, names, tracker, RETRY__DELAYS=delays, CIRCUIT__MIN_FAILURES=100_000, DESTINATION__RATE=60
        )
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        fill(kafka, names, partitions)
        asked = RECORDS * (1 if act is all_taken else 2)
        with Program(env, tmp_path) as program, peak.of(program.pid):
            tracker.asked(asked, within=240)
            assert program.end() == 0
    print(f"most resident memory: {peak.seen / 1e6:.0f} MB")
    assert tracker.clicks == Counter({f"c-{n}": asked // RECORDS for n in range(RECORDS)})
    assert peak.seen <= MOST
