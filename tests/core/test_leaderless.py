"""A line about partitions that have no leader."""

from __future__ import annotations

import pytest

from worker.core.leaderless import no_leader
from worker.core.record import Partition


@pytest.mark.parametrize(
    ("count", "line"),
    [
        (1, "t/0: no leader"),
        (8, "t/0, t/1, t/2, t/3, t/4, t/5, t/6, t/7: no leader"),
        (10, "t/0, t/1, t/2, t/3, t/4, t/5, t/6, t/7 and 2 more: no leader"),
    ],
)
def test_names(count: int, line: str) -> None:
    """They are named; of many, the first are."""
    assert no_leader([Partition("t", number) for number in range(count)]) == line
