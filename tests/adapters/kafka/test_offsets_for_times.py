"""Where a time lies in a log."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pytest

from worker.adapters.kafka.offsets_for_times import EARLIEST, LATEST, first_since
from worker.core.record import Partition

A, B, C = (Partition("t", number) for number in range(3))
Log = tuple[int, Sequence[float]]
"""The first offset, and the time of each record."""


class Broker:
    """Knows logs, and has an index of their times, or has none."""

    def __init__(self, logs: Mapping[Partition, Log], *, index: bool = True) -> None:
        self._logs, self._index = logs, index
        self.asked = 0

    def ask(self, partitions: Collection[Partition], which: int) -> dict[Partition, int]:
        """As a client answers."""
        self.asked += 1
        return {at: self._one(*self._logs[at], which) for at in partitions}

    def _one(self, first: int, times: Sequence[float], which: int) -> int:
        if which == EARLIEST:
            return first
        if which == LATEST:
            return first + len(times)
        as_new = [number for number, time in enumerate(times) if time * 1000 >= which]
        return first + as_new[0] if self._index and as_new else -1


LOGS = {A: (5, [10.0, 20.0, 30.0]), B: (7, [1.0, 2.0]), C: (3, [])}


def test_with_an_index() -> None:
    """It is the first record that is as new, or the end."""
    assert first_since(Broker(LOGS).ask, LOGS, 15.0) == {A: 6, B: 9, C: 3}


def test_once() -> None:
    """Where each has one that is as new nothing more is asked."""
    broker = Broker({A: LOGS[A], B: LOGS[B]})
    assert first_since(broker.ask, [A, B], 0.0) == {A: 5, B: 7}
    assert broker.asked == 1


@pytest.mark.parametrize("moment", [0.0, 15.0, 99.0])
def test_without_an_index(moment: float) -> None:
    """A broker that knows no times has all of its records counted as new."""
    assert first_since(Broker(LOGS, index=False).ask, LOGS, moment) == {A: 5, B: 7, C: 3}


def test_nothing_asked() -> None:
    """Of no partitions nothing is told."""
    assert first_since(Broker(LOGS).ask, [], 1.0) == {}
