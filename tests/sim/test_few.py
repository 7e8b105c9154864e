"""Clicks that fail for ever, and refusals that are meant for one: the partner's others flow."""

from __future__ import annotations

import pytest

from tests.sim import scenes
from tests.sim.scenes import MINUTE
from tests.sim.world import World
from worker.core.answer import Answer, Failure, FailureKind, Response

TIMEOUT = Failure(FailureKind.TIMEOUT, "no answer within 10 s")


def by(world: World, count: int) -> float:
    """When so many had been delivered; never where they were not."""
    deliveries = world.book.deliveries
    return deliveries[count - 1] if len(deliveries) >= count else float("inf")


def is_accounted_for(world: World) -> bool:
    """Tell whether nothing was sent twice, lost or given up; what failed waits in a tier, or is left."""
    once = set(world.book.delivered_ids.values()) == {1}
    there = len(world.book.deliveries) + world.left + world.waiting
    return once and not world.book.deaths and there == world.produced


def test_a_run_at_the_head_of_the_only_partition() -> None:
    """Behind 1,200 clicks that get 500 for ever good ones flow within a minute, and then without end."""
    world = scenes.poisoned([1_200], 3 * MINUTE)
    assert by(world, 100) <= MINUTE
    assert by(world, 1_000) <= 3 * MINUTE
    assert is_accounted_for(world)


@pytest.mark.parametrize("answer", [Response(500), Response(429), TIMEOUT])
def test_a_run_at_the_head_of_each_partition(answer: Answer) -> None:
    """Behind 300 such clicks in each of four partitions good ones flow soon, however they fail."""
    world = scenes.poisoned([300] * 4, 2 * MINUTE, answer=answer, good=1_000)
    assert by(world, 100) <= MINUTE / 6
    assert by(world, 2_000) <= 25.0
    assert len(world.book.deliveries) >= world.produced - 1_200 - 100
    assert is_accounted_for(world)


def test_a_run_amid_good_ones() -> None:
    """Behind 300 such clicks in each partition, amid good ones, the next good ones flow within a minute."""
    world = scenes.poisoned([300] * 4, MINUTE, good=1_000, ahead=500)
    assert by(world, 2_000 + 2_000) <= MINUTE
    assert is_accounted_for(world)


def test_a_run_longer_than_what_is_held() -> None:
    """Behind 1,200 in each of four partitions, more than are held, good ones flow soon."""
    world = scenes.poisoned([1_200] * 4, 5 * MINUTE, good=1_000)
    assert by(world, 1) <= 2 * MINUTE
    assert by(world, 1_000) <= 4 * MINUTE
    assert is_accounted_for(world)


@pytest.mark.parametrize("answer", [Response(500), TIMEOUT])
def test_one_partition_of_four(answer: Answer) -> None:
    """A partition of which all fail costs the others nothing, though little comes in them."""
    world = scenes.poisoned([1_200, 0, 0, 0], MINUTE, answer=answer, good=0)
    assert all(max(world.book.delays[number]) <= 2.0 for number in (1, 2, 3))
    assert is_accounted_for(world)


@pytest.mark.parametrize(("share", "retry_after"), [(0.01, "60"), (0.01, "3600"), (0.01, "1")])
def test_a_retry_after_for_a_few(share: float, retry_after: str) -> None:
    """A Retry-After for one click in a hundred, keeps back no other of them."""
    world = scenes.told(share, retry_after, 1.5 * MINUTE)
    assert len(world.book.deliveries) == 19_800
    assert by(world, 19_000) <= 1.4 * MINUTE
    assert is_accounted_for(world)


def test_an_outage_that_one_partition_sees() -> None:
    """500 for all, seen by one partition alone, may be its clicks: some hundreds use up one attempt."""
    scene = scenes.outage("500", MINUTE, 200.0, before=20.0, after=MINUTE, partitions=1)
    failed = {status: n for (kind, status), n in scene.world.book.attempts.items() if kind != "delivered"}
    assert failed["500"] <= 450
    assert is_accounted_for(scene.world)
