"""Memory that was used and is free goes back to the machine."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace

import pytest

from worker.adapters.process.spare_memory import MANY_RECORDS, SpareMemory


def test_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The C library is asked to give all of it back, once for many records; one that can't is left alone."""
    asked: list[int] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: SimpleNamespace(malloc_trim=asked.append))
    spare = SpareMemory()
    for read in (1, MANY_RECORDS - 1, MANY_RECORDS, MANY_RECORDS + 1):
        spare.look(read)
    assert asked == [0]
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: SimpleNamespace())
    spare.look(2 * MANY_RECORDS)
    assert asked == [0]


def test_the_real_one() -> None:
    """The machine's own C library takes it."""
    SpareMemory().look(MANY_RECORDS)
