"""Offsets that hold no record: when they are told, and when not."""

from __future__ import annotations

from worker.adapters.kafka.log_ends import TOLD_AFTER, LogEnds
from worker.core.record import Partition

AT, OTHER = Partition("orders", 0), Partition("orders", 1)


def no(_at: Partition) -> bool:
    """Nothing lies here."""
    return False


def test_told_once() -> None:
    """An end is told once, a moment after it was met, as it was met last."""
    ends = LogEnds()
    ends.meet(AT, 5, 10.0)
    ends.meet(AT, 7, 10.0 + TOLD_AFTER / 2)
    assert ends.due(10.0 + TOLD_AFTER / 2, no) == {}
    assert ends.due(10.0 + TOLD_AFTER, no) == {AT: 7}
    assert ends.due(20.0, no) == {}


def test_not_before_its_records() -> None:
    """While records that were read before it lie here, it is not told."""
    ends = LogEnds()
    ends.meet(AT, 5, 10.0)
    ends.meet(OTHER, 6, 10.0)
    assert ends.due(20.0, lambda at: at == AT) == {OTHER: 6}
    assert ends.due(20.0, no) == {AT: 5}


def test_forgotten() -> None:
    """Of a partition that is read from elsewhere nothing is told."""
    ends = LogEnds()
    ends.meet(AT, 5, 10.0)
    ends.forget([AT])
    assert ends.due(20.0, no) == {}
