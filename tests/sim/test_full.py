"""A partner that is full, or fails now and then: how near to its capacity, at what price."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.sim import scenes
from tests.sim.partner import Bucket, Meter, Partner, Windows

CAPACITY = 300


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
    """Within 20 s at least 0.9 of the capacity is reached and then kept, with at most 2 % refused in all."""
    partner = scenes.full(counts(CAPACITY), retry_after).partner
    assert taken(partner, 15, 20) >= 0.9 * CAPACITY
    assert taken(partner, 20, 60) >= 0.9 * CAPACITY
    assert share_refused(partner, 0, 20) <= 0.02
    assert share_refused(partner, 20, 60) <= 0.005


@pytest.mark.parametrize("status", [500, 503])
def test_sporadic_failures(status: int) -> None:
    """A twentieth of failures, whatever the load, does not keep it from using every lane."""
    world = scenes.sporadic(status, 0.05, 10.0)
    assert world.samples[-1].limit == 256
    assert taken(world.partner, 5, 10) >= 0.9 * 0.95 * 256 / 0.05
