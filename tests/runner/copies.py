"""What tests of copies share: ids that are remembered, and what became of records."""

from __future__ import annotations

from tests.runner.harness import (
    SHORT,
    TIER_TOPICS,
    Harness,
)
from worker.core.remembered_ids import RememberedIds

TIER = TIER_TOPICS[SHORT]


def ids(most: int = 1000, window: float = 86400.0) -> RememberedIds:
    """What is remembered, nothing yet."""
    return RememberedIds(most, window)


def told(harness: Harness) -> list[tuple[str, str]]:
    """Each step, and the origin that it tells of."""
    return [(step.step.value, step.origin) for step in harness.steps]
