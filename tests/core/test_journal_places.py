"""Which partitions of the journal have, or had, a source partition's steps."""

from __future__ import annotations

import pytest

from worker.core.journal_places import former_places, place_of


@pytest.mark.parametrize(
    ("number", "count", "place"), [(3, 8, 3), (3, 4, 3), (7, 4, 3), (5, 1, 0), (5, 0, 5)]
)
def test_place(number: int, count: int, place: int) -> None:
    """The partition of the same number, or what is left by division; of an unknown journal the same."""
    assert place_of(number, count) == place


@pytest.mark.parametrize(
    ("number", "count", "places"),
    [(0, 8, set()), (1, 8, {0}), (5, 8, {0, 1, 2}), (7, 4, {0, 1}), (5, 1, set()), (5, 0, set())],
)
def test_former_places(number: int, count: int, places: set[int]) -> None:
    """What is left by division by any smaller number of partitions, but for the present place."""
    assert former_places(number, count) == places
