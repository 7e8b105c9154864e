"""How long the poll thread waits."""

from __future__ import annotations

from worker.adapters.kafka.turns import IDLE_AFTER_SECONDS, IDLE_TURN_SECONDS, TURN_SECONDS, Turns


def test_seldom_where_nothing_goes_on() -> None:
    """It waits longer once nothing has come for a while, and as before from the first record or order on."""
    turns = Turns(100.0)
    later = 100.0 + IDLE_AFTER_SECONDS
    assert turns.seconds(later - 0.1) == TURN_SECONDS
    assert turns.seconds(later) == IDLE_TURN_SECONDS
    turns.busy(later)
    assert turns.seconds(later + 0.1) == TURN_SECONDS
