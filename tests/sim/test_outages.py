"""A partner that goes away: what it costs, how it comes back, and how long it takes to catch up."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise

import pytest

from tests.sim import scenes
from tests.sim.scenes import DAY, OutageScene
from worker.core.admission.circuit import CircuitPolicy

RATE = 200
THRESHOLD = CircuitPolicy().min_failures
TIMEOUT = 10.0
# So long a day-long outage is watched after its end: the longest pause, and some seconds to gain speed.
DRAIN = 45.0
LONGEST_PAUSE = CircuitPolicy().pause_max * 1.25


def used_up(scene: OutageScene) -> int:
    """Attempts that failed and counted."""
    return sum(count for (outcome, _), count in scene.world.book.attempts.items() if outcome != "delivered")


def probes(scene: OutageScene, settled: float) -> list[float]:
    """The starts while the circuit was open: `settled` seconds after the outage began, until it was over."""
    starts = scene.world.partner.starts
    return starts[bisect_left(starts, scene.begin + settled) : bisect_left(starts, scene.end)]


@pytest.mark.parametrize("kind", ["refused", "503", "500", "hang"])
def test_a_minute(kind: str) -> None:
    """An outage of a minute uses up few attempts, all is delivered once, and the start after it is gentle."""
    scene = scenes.outage(kind, 60.0, RATE, before=20.0, after=60.0)
    world = scene.world
    in_flight = max(sample.in_flight for sample in world.samples if sample.at < scene.begin)
    assert used_up(scene) <= THRESHOLD + in_flight
    assert set(world.book.delivered_ids.values()) == {1}
    assert len(world.book.deliveries) + world.left == world.produced
    assert world.left <= RATE
    assert world.waiting == 0
    first = world.book.deliveries[bisect_left(world.book.deliveries, scene.end)]
    assert first <= scene.end + 2.0 + LONGEST_PAUSE
    starts = world.partner.starts
    herd = bisect_left(starts, first + 1.0) - bisect_left(starts, first)
    assert herd <= 2 * RATE


@pytest.mark.parametrize(("rate", "most"), [(RATE, THRESHOLD + 20), (2.0, THRESHOLD)])
def test_ten_minutes_of_500(rate: float, most: int) -> None:
    """From a minute on less than two records a minute use up an attempt, and none while there is room."""
    scene = scenes.outage("500", 600.0, rate, before=20.0, after=60.0)
    assert used_up(scene) <= most
    assert set(scene.world.book.delivered_ids.values()) == {1}
    assert len(scene.world.book.deliveries) + scene.world.left + scene.world.waiting == scene.world.produced


def test_a_hanging_probe_holds_up_no_other() -> None:
    """Though each probe hangs to the timeout, the first delivery comes within a pause of the return."""
    scene = scenes.outage("hang", 60.0, RATE, before=20.0, after=40.0)
    starts = probes(scene, TIMEOUT + 0.5)
    pauses = [later - before for before, later in pairwise(starts)]
    assert any(pause < TIMEOUT for pause in pauses)
    first = scene.world.book.deliveries[bisect_left(scene.world.book.deliveries, scene.end)]
    assert first - starts[-1] <= LONGEST_PAUSE


@pytest.mark.days
@pytest.mark.long
def test_a_day_at_full_size() -> None:
    """24 h away with 1,000 events a second: a probe each half a minute, and then all the partner can do.

    The 86 million that wait are not drained here: what is seen is that no attempt is used up meanwhile, and
    that soon after the first probe that it answers the partner is used to its capacity.
    """
    scene = scenes.outage("refused", DAY, 1_000.0, before=4.0, after=DRAIN, capacity=2_000.0, every=60.0)
    world = scene.world
    assert used_up(scene) <= THRESHOLD + 200 + world.partner.refused.total()
    assert len(probes(scene, 60.0)) <= DAY / 30.0
    assert len(world.book.deliveries) + world.left + world.waiting == world.produced
    assert not world.book.deaths
    end = int(scene.end + DRAIN)
    assert sum(world.partner.taken[second] for second in range(end - 5, end)) >= 0.9 * 5 * 2_000


@pytest.mark.days
@pytest.mark.long
def test_a_day_to_the_end() -> None:
    """The same with few events: all are delivered once, none expires, at the partner's capacity."""
    rate, capacity = 0.25, 5.0
    drain = DAY * rate / (capacity - rate)
    scene = scenes.outage(
        "refused", DAY, rate, before=60.0, after=drain * 1.25, capacity=capacity, every=60.0
    )
    world = scene.world
    assert not world.book.deaths
    assert set(world.book.delivered_ids.values()) == {1}
    assert len(world.book.deliveries) + world.left + world.waiting == world.produced
    assert world.left + world.waiting <= 10
