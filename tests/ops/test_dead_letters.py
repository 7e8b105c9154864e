"""The newest dead letters, and how many there are of each kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations, product
from typing import cast

import pytest

from schemas import DeadReason
from tests.ops.letters import STRANGE, letter
from worker.adapters.kafka.topic_reader import OffsetRange, TopicReader
from worker.core.record import Partition, Record
from worker.ops.dead_letters import (
    FIRST_LOOK_RECORDS,
    grouped,
    newest_matching,
    place_of,
    row_of,
    whole,
)
from worker.ops.filters import Filters


@pytest.mark.parametrize(("limit", "times"), [*product([0, 1, 2, 3, 9], permutations([1, 2, 3]))])
def test_newest(limit: int, times: tuple[int, ...]) -> None:
    """In whatever order they are read, the newest are kept, the oldest of them first."""
    reader = Reader([1000.0 + at for at in times])
    found = newest_matching(cast("TopicReader", reader), Filters(), limit, place_of)
    assert found.matched == 3
    assert found.letters == [f"0/{times.index(at)}" for at in (1, 2, 3)][-limit:]


class Reader:
    """A topic of two partitions in memory, which counts what is read of it."""

    def __init__(self, *logs: Sequence[float]) -> None:
        self.logs = logs
        self.read_records = 0

    def spans(self, _since: float | None = None) -> dict[Partition, OffsetRange]:
        return {Partition("g.dlq", number): OffsetRange(0, len(log)) for number, log in enumerate(self.logs)}

    def read(self, spans: Mapping[Partition, OffsetRange]) -> Iterator[Record]:
        for at, span in spans.items():
            for offset in range(*span):
                self.read_records += 1
                one = letter("e", offset, dead_at=self.logs[at.number][offset] or None)
                headers = [(name, value) for name, value in one.headers]
                yield Record(at, offset, None, one.value, headers, self.logs[at.number][offset], 0)


def test_newest_from_the_end() -> None:
    """The newest are found without what lies far before them; that it was not looked at is told."""
    reader = Reader([1000.0 + at for at in range(9000)], [900.0 + at for at in range(9000)])
    found = newest_matching(cast("TopicReader", reader), Filters(), 3, whole)
    assert [one.dead_at and one.dead_at.timestamp() for one in found.letters] == [9997.0, 9998.0, 9999.0]
    assert not found.is_all
    assert reader.read_records == 2 * FIRST_LOOK_RECORDS


def test_newest_of_a_partition_that_is_behind() -> None:
    """What lies in a partition whose end is older is newer than nothing: all of the other is looked at."""
    reader = Reader([float(at) for at in range(1, 2001)], [5000.0])
    found = newest_matching(cast("TopicReader", reader), Filters(status=503), 1500, whole)
    assert [len(found.letters), found.letters[0].offset, found.is_all] == [1500, 501, False]
    every = newest_matching(cast("TopicReader", reader), Filters(status=400), 1, whole)
    assert (every.letters, every.matched, every.is_all) == ([], 0, True)


@pytest.mark.parametrize("limit", [0, 3, 700, 2000])
def test_newest_is_the_newest(limit: int) -> None:
    """However far back it is read, they are the newest of all."""
    reader = Reader([float(at) for at in range(1, 1300)], [2.5 * at for at in range(1, 900)])
    found = newest_matching(cast("TopicReader", reader), Filters(), limit, whole)
    times = sorted(at for log in reader.logs for at in log)
    assert [one.dead_at.timestamp() for one in found.letters if one.dead_at] == times[-limit:]


def test_without_a_time() -> None:
    """A letter without a time comes first."""
    found = newest_matching(cast("TopicReader", Reader([1.0, 0.0])), Filters(), 0, whole)
    assert [(one.offset, one.dead_at is None) for one in found.letters] == [(1, True), (0, False)]


def test_groups() -> None:
    """Letters are counted by reason and status, the most frequent first, from the oldest to the newest."""
    letters = [
        letter("a", status=None, reason=DeadReason.EXPIRED),
        letter("b", dead_at=30.0),
        letter("c", dead_at=10.0),
    ]
    first, second = grouped(letters)
    assert (first.reason, first.status, first.letters) == ("exhausted", 503, 2)
    assert (first.oldest.timestamp(), first.newest.timestamp()) == (10.0, 30.0)
    assert (second.reason, second.status, second.letters) == ("expired", None, 1)


def test_letters_without_a_time() -> None:
    """Letters that tell no time, or no reason, are counted, too."""
    (group,) = grouped([STRANGE, STRANGE])
    assert dict(group.row()) == {"reason": None, "status": None, "count": 2, "oldest": None, "newest": None}


def test_a_row() -> None:
    """The row of a letter has its place, as it is asked for, and its fields."""
    one = letter("a", 7)
    assert place_of(one) == "0/7"
    row = row_of(one, ("where", "event_id", "status"))
    assert row == {"where": "0/7", "event_id": "a", "status": 503}
