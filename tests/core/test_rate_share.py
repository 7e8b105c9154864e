"""The shares of a rate that all workers of a group have."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.rate_share import share_of
from worker.core.record import Partition

SOURCE, TIERS = "conversions", ("g.retry.10s", "g.retry.1m")
COUNTS = {SOURCE: 6, TIERS[0]: 6, TIERS[1]: 6}


def owned(source: int, *tiers: int) -> list[Partition]:
    """So many partitions of the source, and of each tier."""
    counts = zip((SOURCE, *TIERS), (source, *tiers), strict=False)
    return [Partition(topic, number) for topic, count in counts for number in range(count)]


@pytest.mark.parametrize(
    ("partitions", "share"),
    [
        (owned(6, 6, 6), 1.0),
        (owned(3, 3, 3), 0.5),
        (owned(3), 0.45),
        (owned(0, 6, 0), 0.05),
        ([], 0.0),
        (owned(0, 0, 3), 0.025),
    ],
)
def test_shares(partitions: Sequence[Partition], share: float) -> None:
    """Nine tenths go by the source's partitions, one by those of all tiers there are."""
    assert share_of(partitions, SOURCE, COUNTS) == pytest.approx(share)


def test_without_tiers() -> None:
    """Where there are no tiers all goes by the source."""
    assert share_of(owned(3), SOURCE, {SOURCE: 6}) == 0.5


def test_unknown() -> None:
    """Where it is not known how many partitions there are, nothing may be used of that part."""
    assert share_of(owned(6, 6, 6), SOURCE, {**COUNTS, TIERS[1]: 0}) == pytest.approx(0.9)
    assert share_of(owned(6, 6, 6), SOURCE, {}) == 0.0


def test_more_than_known() -> None:
    """Who owns more partitions than are known of has no more than the whole."""
    assert share_of(owned(9, 6, 6), SOURCE, COUNTS) == pytest.approx(1.0)


@given(st.lists(st.integers(0, 3), min_size=18, max_size=18))
def test_never_more_in_sum(owners: list[int]) -> None:
    """However the partitions are divided among four workers, the shares add up to the whole."""
    partitions = owned(6, 6, 6)
    shares = [
        share_of([at for at, who in zip(partitions, owners, strict=True) if who == one], SOURCE, COUNTS)
        for one in range(4)
    ]
    assert sum(shares) == pytest.approx(1.0)
