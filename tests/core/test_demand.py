"""How many records are asked for: one count, in halves, and never more than there is room for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.core.demand import Demand

AHEAD = 9


def test_in_halves() -> None:
    """More is asked for once a half of what may be ahead of the lanes is free, and then all of it."""
    demand = Demand(AHEAD)
    assert demand.low == 4
    demand.grow(2)
    assert (demand.open, demand.low) == (7, -1)
    demand.came(2)
    assert (demand.open, demand.low) == (5, -1)
    demand.came(3)
    assert (demand.open, demand.low) == (2, 2)
    demand.grow(2)
    assert demand.open == 7


def test_more_came_than_was_asked_for() -> None:
    """Two sources may both hand over what either was asked for: then nothing is to come."""
    demand = Demand(AHEAD)
    demand.grow(0)
    demand.came(2 * AHEAD)
    assert (demand.open, demand.low) == (0, 4)


def test_for_probes() -> None:
    """For probes a whole round more is asked for, but not while more than a half of one is to come."""
    ahead = 1_000
    demand = Demand(ahead)
    assert demand.grow_for_probes()
    assert demand.open == ahead
    assert not demand.grow_for_probes()
    demand.came(600)
    assert demand.grow_for_probes()
    assert demand.open == 400 + ahead


def test_for_probes_with_few_lanes() -> None:
    """With few lanes as many are asked for at a probe as with the usual number: it has to reach as far."""
    demand = Demand(AHEAD)
    assert demand.grow_for_probes()
    assert demand.open >= 500
    assert not demand.grow_for_probes()


def test_asked_lately() -> None:
    """What was asked for since the last question, or is still to come, was asked for lately."""
    demand = Demand(AHEAD)
    assert not demand.asked_lately()
    demand.grow(0)
    demand.came(AHEAD)
    assert demand.asked_lately()
    assert not demand.asked_lately()
    demand.grow(0)
    assert demand.asked_lately()
    assert demand.asked_lately()


def test_closed() -> None:
    """Once it is closed nothing is asked for any more, whatever still comes."""
    demand = Demand(AHEAD)
    demand.grow(0)
    demand.close()
    demand.came(AHEAD)
    assert demand.low < 0
    assert not demand.grow_for_probes()


@given(st.integers(1, 50), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60))))
def test_low_says_when(ahead: int, steps: list[tuple[int, int]]) -> None:
    """More is asked for just where a half of the room ahead of the lanes is free."""
    demand = Demand(ahead)
    for ready, came in steps:
        free = ahead - ready - demand.open
        assert (ready <= demand.low) is (free * 2 >= ahead)
        if ready <= demand.low:
            demand.grow(ready)
            assert demand.open + ready == ahead
        demand.came(came)
