"""Workers that are started at once do not get into each other's way."""

from __future__ import annotations

import random

import pytest

from tests.support.ports import free_port


def test_a_port_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """No port is given to two: the first may not listen on it yet."""
    first = free_port()
    chance = iter([first, first, first + 1, *range(20_000, 32_000)])
    monkeypatch.setattr(random, "randrange", lambda *_: next(chance))
    assert free_port() != first
