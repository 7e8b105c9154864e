"""Partitions that have records and give none are named, with what keeps them back."""

from __future__ import annotations

from worker.core.record import Partition
from worker.core.silence import SILENT_AFTER_SECONDS, ReadProgress, Silences

AT, OTHER = Partition("orders", 3), Partition("orders", 4)
BEGAN = 1_764_000_000.0
LONG = SILENT_AFTER_SECONDS


def grown(offset: int = 120, *, to: int = 150, flows: bool = True) -> ReadProgress:
    """A partition of which all may be read, up to so far."""
    return ReadProgress(AT, offset, to, to, flows)


def kept_back(offset: int = 149, *, stable: int = 149, high: int = 150) -> ReadProgress:
    """A partition of which the last is in an open transaction."""
    return ReadProgress(AT, offset, high, stable, flows=True)


def test_named_once() -> None:
    """One that grows and gives nothing for SILENT_AFTER_SECONDS is named, and not at every look."""
    silences = Silences()
    assert silences.look([grown(to=140)], BEGAN) == []
    assert silences.look([grown()], BEGAN + LONG - 1) == []
    (silence,) = silences.look([grown()], BEGAN + LONG)
    assert silences.look([grown()], BEGAN + LONG + 10) == []
    assert list(silences.silent) == [silence]
    assert silence.why == "unknown"
    assert silence.steady == str(silence).replace("up to 30 records", "more")
    assert str(silence) == (
        "orders/3 gives nothing since 2025-11-24T16:00:00.000Z, though up to 30 records can be read from"
        " offset 120 on: look at the brokers that hold it; another worker may get them, so restart this one"
    )


def test_an_open_transaction() -> None:
    """Where it may be read no further for so long, a transaction was left open: it says how to end it."""
    silences = Silences()
    silences.look([kept_back()], BEGAN)
    (silence,) = silences.look([kept_back()], BEGAN + LONG)
    assert silence.why == "transaction"
    assert silence.steady == str(silence).replace("up to 1 record", "everything")
    assert str(silence) == (
        "orders/3 gives nothing since 2025-11-24T16:00:00.000Z: a transaction that was neither committed nor"
        " aborted keeps back up to 1 record from offset 149 on; kafka-transactions.sh describe-producers"
        " --topic orders --partition 3 names its producer,"
        " abort --topic orders --partition 3 --start-offset 149 ends it"
    )


def test_behind_a_marker() -> None:
    """The marker of the transaction before, which is never read, hides none of it."""
    silences = Silences()
    silences.look([kept_back(120, stable=121, high=121)], BEGAN - LONG)
    silences.look([kept_back(120, stable=121, high=140)], BEGAN)
    (silence,) = silences.look([kept_back(120, stable=121, high=150)], BEGAN + LONG)
    assert (silence.why, silence.offset, silence.behind) == ("transaction", 121, 29)


def test_a_marker_alone() -> None:
    """Where only a marker lies behind the last record, as on any quiet day, nobody is silent."""
    silences = Silences()
    silences.look([grown(120, to=121)], BEGAN)
    assert silences.look([grown(120, to=121)], BEGAN + 9 * LONG) == []


def test_transactions_that_end() -> None:
    """One transaction after the other, of which each ends in time, keeps back nothing for long."""
    silences = Silences()
    silences.look([kept_back(100, stable=101, high=110)], BEGAN)
    silences.look([kept_back(100, stable=110, high=120)], BEGAN + LONG - 1)
    assert silences.look([kept_back(111, stable=120, high=130)], BEGAN + LONG) == []


def test_one_that_moves() -> None:
    """One of which anything was read meanwhile is not silent, and no longer is."""
    silences = Silences()
    silences.look([grown(120)], BEGAN)
    assert silences.look([grown(121, to=160)], BEGAN + LONG) == []
    assert len(silences.look([grown(121, to=170)], BEGAN + 2 * LONG)) == 1
    assert silences.look([grown(122, to=170)], BEGAN + 2 * LONG + 1) == []
    assert silences.silent == []
    assert len(silences.look([grown(122, to=180)], BEGAN + 4 * LONG)) == 1


def test_one_that_may_not() -> None:
    """One that has nothing, or is kept back by the worker itself, owes nothing; its time begins later."""
    silences = Silences()
    silences.look([grown(), ReadProgress(OTHER, 7, 7, 7, flows=True)], BEGAN)
    silences.look([grown(to=160, flows=False)], BEGAN + 1)
    assert silences.look([grown(to=170)], BEGAN + LONG) == []
    assert silences.look([], BEGAN + 2 * LONG) == []
    assert silences.look([ReadProgress(OTHER, 7, 7, 7, flows=True)], BEGAN + 9 * LONG) == []
