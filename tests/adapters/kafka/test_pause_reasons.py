"""Which partitions are paused, and why: any reason pauses, each ends for itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from worker.adapters.kafka.pause_reasons import PausedPartitions
from worker.core.record import Partition

A, B, OTHERS = (Partition("t", number) for number in range(3))
OURS = {A, B}
NONE: set[Partition] = set()


@pytest.fixture
def paused() -> PausedPartitions:
    """Nothing is paused, and the client knows."""
    return PausedPartitions()


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (lambda paused: paused.order(A), lambda paused: paused.resume(A)),
        (lambda paused: paused.order(A), lambda paused: paused.forget([A])),
        (lambda paused: paused.stop(A), lambda paused: paused.go_on([A])),
        (
            lambda paused: paused.decide({A}, NONE, all_of_them=False),
            lambda paused: paused.decide(NONE, NONE, all_of_them=False),
        ),
        (lambda paused: paused.decide({A}, NONE, all_of_them=False), lambda paused: paused.forget([A])),
        (
            lambda paused: paused.decide(NONE, {A}, all_of_them=False),
            lambda paused: paused.decide(NONE, NONE, all_of_them=False),
        ),
    ],
)
def test_each_reason(
    paused: PausedPartitions,
    begin: Callable[[PausedPartitions], None],
    end: Callable[[PausedPartitions], None],
) -> None:
    """Each reason pauses its partition alone, for as long as it stands, and the client is to be told."""
    begin(paused)
    assert (paused.wanted(OURS), paused.stale) == ({A}, True)
    paused.stale = False
    end(paused)
    assert (paused.wanted(OURS), paused.stale) == (NONE, True)


def test_several_reasons(paused: PausedPartitions) -> None:
    """A partition flows again once no reason is left."""
    paused.order(A)
    paused.stop(A)
    paused.resume(A)
    assert paused.wanted(OURS) == {A}
    paused.go_on([A])
    assert paused.wanted(OURS) == NONE


def test_all(paused: PausedPartitions) -> None:
    """All that is ours is paused where all is to be, and nothing that is not ours."""
    paused.order(OTHERS)
    paused.decide(NONE, NONE, all_of_them=True)
    assert paused.wanted(OURS) == OURS


def test_searched(paused: PausedPartitions) -> None:
    """What the client looks for is never paused, before records of it come."""
    paused.order(A)
    paused.search([A, B])
    assert paused.wanted(OURS) == NONE
    paused.found([A])
    assert paused.wanted(OURS) == {A}


def test_no_news(paused: PausedPartitions) -> None:
    """What changes nothing is nothing to tell the client."""
    assert not paused.decide(NONE, NONE, all_of_them=False)
    paused.go_on([A])
    paused.found([A])
    assert not paused.stale
