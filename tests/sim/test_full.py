"""A partner that is full, or fails now and then: how near to its capacity, at what price."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

import pytest

from tests.sim import scenes
from tests.sim.partner import Bucket, Meter, Partner, Windows

CAPACITY = 300
# A partition alone uses seven eighths of the lanes, and a request takes 50 ms.
LANES, UNTHROTTLED = 64, 1_120


def share_refused(partner: Partner, begin: int, end: int) -> float:
    """The share of requests that were too many, between two seconds."""
    arrived = sum(partner.arrived[second] for second in range(begin, end))
    return sum(partner.refused[second] for second in range(begin, end)) / arrived


def taken(partner: Partner, begin: int, end: int) -> float:
    """How many were taken a second, between two seconds."""
    return sum(partner.taken[second] for second in range(begin, end)) / (end - begin)


@pytest.mark.parametrize("retry_after", [None, "1"])
@pytest.mark.parametrize("counts", [Bucket, Windows])
def test_its_capacity_is_found_and_kept(counts: Callable[[int], Meter], retry_after: str | None) -> None:
    """Within 20 s at least 0.9 of the capacity is reached and then kept, with at most 2 % refused."""
    partner = scenes.full(counts(CAPACITY), retry_after).partner
    assert max(taken(partner, second, second + 2) for second in range(18)) >= 0.9 * CAPACITY
    assert taken(partner, 20, 60) >= 0.9 * CAPACITY
    assert share_refused(partner, 0, 20) <= 0.02
    assert share_refused(partner, 20, 60) <= 0.01


@pytest.mark.parametrize(("status", "share", "least"), [(429, 0.01, 0.9), (429, 0.05, 0.7), (503, 0.05, 0.7)])
def test_refusals_that_are_not_for_load(status: int, share: float, least: float) -> None:
    """Random refusals, whatever the load, do not keep it from sending nearly what it could."""
    partner = scenes.sporadic(status, share, 20.0, LANES).partner
    assert taken(partner, 10, 20) >= least * UNTHROTTLED


def test_sporadic_failures() -> None:
    """A twentieth of failures that are no refusals costs nothing."""
    world = scenes.sporadic(500, 0.05, 10.0, LANES)
    assert world.samples[-1].limit == LANES
    assert taken(world.partner, 5, 10) >= 0.9 * 0.95 * UNTHROTTLED


def test_a_few_refusals_in_a_row() -> None:
    """Five in a row that ask for a second cost that second: within 3 s more than the half goes again."""
    world = scenes.few(10.0, 20.0)
    deliveries = world.book.deliveries
    first = deliveries[bisect_left(deliveries, 10.2)]
    assert first <= 11.3
    assert taken(world.partner, 12, 13) >= 500
    assert len(world.book.deliveries) + world.left + world.waiting == world.produced
    assert world.left <= 1_000
