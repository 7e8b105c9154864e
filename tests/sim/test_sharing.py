"""The rate, and what one partition costs another."""

from __future__ import annotations

from bisect import bisect_left

import pytest

from tests.sim import scenes
from worker.core.circuit import CircuitState


def test_the_rate() -> None:
    """With 50 a second no second sees more than 51 and a minute 3,000 within 1 %, retries and probes too."""
    starts = scenes.rated(50.0, 90.0).partner.starts
    fullest = max(bisect_left(starts, start + 1.0 - 1e-9) - index for index, start in enumerate(starts))
    assert fullest <= 51
    assert bisect_left(starts, 80.0) - bisect_left(starts, 20.0) == pytest.approx(3_000, rel=0.01)


@pytest.mark.parametrize("neighbour", ["400", "hang"])
def test_a_bad_neighbour(neighbour: str) -> None:
    """A partition of clicks that fail or hang costs another a turn of a lane; the circuit stays closed."""
    alone = scenes.beside("nothing", 30.0).book.delays[0]
    world = scenes.beside(neighbour, 30.0)
    assert len(world.book.delays[0]) >= len(alone) - 5
    assert nearly_longest(world.book.delays[0]) <= nearly_longest(alone) + 0.1
    assert {sample.circuit for sample in world.samples} == {CircuitState.CLOSED}


def nearly_longest(delays: list[float]) -> float:
    """The 99th of a hundred."""
    return sorted(delays)[int(len(delays) * 0.99)]
