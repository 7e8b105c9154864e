"""Partitions that have records and give none are named, with what keeps them back."""

from __future__ import annotations

from worker.core.record import Partition
from worker.core.silence import SILENT_AFTER, Reading, Silences

AT, OTHER = Partition("orders", 3), Partition("orders", 4)
BEGAN = 1_764_000_000.0


def waiting(offset: int = 120, *, stable: int = 150, flows: bool = True) -> Reading:
    """A partition that may hand over more, up to 150."""
    return Reading(AT, offset, 150, stable, flows)


def test_named_once() -> None:
    """It is named when it has given nothing for SILENT_AFTER, and not at every look."""
    silences = Silences()
    assert silences.look([waiting()], BEGAN) == []
    assert silences.look([waiting()], BEGAN + SILENT_AFTER - 1) == []
    (silence,) = silences.look([waiting()], BEGAN + SILENT_AFTER)
    assert silences.look([waiting()], BEGAN + SILENT_AFTER + 10) == []
    assert list(silences.told) == [silence]
    assert silence.why == "unknown"
    assert str(silence) == (
        "orders/3 gives nothing since 2025-11-24T16:00:00.000Z, though up to 30 records can be read from"
        " offset 120 on: look at the brokers that hold it; another worker may get them, so restart this one"
    )


def test_an_open_transaction() -> None:
    """Where reading may get no further, that is a transaction which nobody ended: it says how to find it."""
    silences = Silences()
    silences.look([waiting(149, stable=149)], BEGAN)
    (silence,) = silences.look([waiting(149, stable=149)], BEGAN + SILENT_AFTER)
    assert silence.why == "transaction"
    assert str(silence) == (
        "orders/3 gives nothing since 2025-11-24T16:00:00.000Z: a transaction that was neither committed nor"
        " aborted keeps back up to 1 record from offset 149 on; kafka-transactions.sh describe-producers"
        " --topic orders --partition 3 names its producer,"
        " abort --topic orders --partition 3 --start-offset 149 ends it"
    )


def test_one_that_moves() -> None:
    """One of which anything was read meanwhile is not silent, and no longer is."""
    silences = Silences()
    silences.look([waiting(120)], BEGAN)
    assert silences.look([waiting(121)], BEGAN + SILENT_AFTER) == []
    assert len(silences.look([waiting(121)], BEGAN + 2 * SILENT_AFTER)) == 1
    assert silences.look([waiting(122)], BEGAN + 2 * SILENT_AFTER + 1) == []
    assert silences.told == []
    assert len(silences.look([waiting(122)], BEGAN + 4 * SILENT_AFTER)) == 1


def test_one_that_may_not() -> None:
    """One that has nothing, or is kept back by the worker itself, owes nothing; its time begins later."""
    silences = Silences()
    silences.look([waiting(), Reading(OTHER, 7, 7, 7, flows=True)], BEGAN)
    silences.look([waiting(flows=False)], BEGAN + 1)
    assert silences.look([waiting()], BEGAN + SILENT_AFTER) == []
    assert silences.look([], BEGAN + 2 * SILENT_AFTER) == []
    assert silences.look([Reading(OTHER, 7, 7, 7, flows=True)], BEGAN + 9 * SILENT_AFTER) == []
