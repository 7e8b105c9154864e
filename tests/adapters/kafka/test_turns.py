"""How long the poll thread waits."""

from __future__ import annotations

from worker.adapters.kafka.config import TIERS_FETCHES
from worker.adapters.kafka.turns import IDLE_AFTER_SECONDS, IDLE_TURN_SECONDS, TURN_SECONDS, Turns
from worker.core.assigned_partition import SOON_SECONDS


def test_seldom_where_nothing_goes_on() -> None:
    """It waits longer once nothing has come for a while, and as before from the first record or order on."""
    turns = Turns(100.0)
    later = 100.0 + IDLE_AFTER_SECONDS
    assert turns.seconds(later - 0.1) == TURN_SECONDS
    assert turns.seconds(later) == IDLE_TURN_SECONDS
    turns.busy(later)
    assert turns.seconds(later + 0.1) == TURN_SECONDS


def test_awake_before_a_retry_is_due() -> None:
    """A tier is resumed so early that an idle poll thread and the broker have both ended waiting by then."""
    fetch_wait_ms = TIERS_FETCHES["fetch.wait.max.ms"]
    assert isinstance(fetch_wait_ms, int)
    assert IDLE_TURN_SECONDS + fetch_wait_ms / 1000 <= SOON_SECONDS
