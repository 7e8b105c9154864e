"""A Retry-After: what it holds, and how it is found out that it was meant for one record."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.core.admission.retry_after import MAX_HOLD, RetryAfterPause


def test_a_partner_that_means_all_is_left_alone() -> None:
    """A hold is asked about three times, each time later; then nothing is sent until its end."""
    hold, now, asked = RetryAfterPause(), 100.0, []
    assert hold.refused(60.0, now, now)
    while (now := hold.wake_at()) < 160.0:
        hold.starting(now)
        asked.append(now)
    assert (asked, now) == ([101.0, 103.0, 107.0], 160.0)


def test_refusals_of_what_was_in_flight() -> None:
    """What was in flight when the first refusal came puts the first probe off, and uses none up."""
    hold = RetryAfterPause()
    hold.refused(2.0, 100.0, 100.0)
    hold.refused(2.0, 99.9, 100.4)
    assert (hold.wake_at(), hold.until) == (101.4, 102.4)


def test_a_probe_that_is_refused() -> None:
    """It makes the hold longer, and the next probe is none the sooner."""
    hold = RetryAfterPause()
    hold.refused(10.0, 100.0, 100.0)
    hold.starting(101.0)
    hold.refused(10.0, 101.0, 101.1)
    assert (hold.until, hold.wake_at()) == (111.1, 103.0)


def test_longest() -> None:
    """It holds for a minute at most."""
    hold = RetryAfterPause()
    hold.refused(86_400.0, 100.0, 100.0)
    assert hold.until == 100.0 + MAX_HOLD


def test_what_was_learned_is_forgotten() -> None:
    """That a Retry-After is meant for one record is remembered for a minute, or tested anew."""
    hold = RetryAfterPause()
    hold.refused(60.0, 100.0, 100.0)
    assert hold.answered(101.0, 101.1)
    assert not hold.refused(60.0, 102.0, 102.0)
    assert not hold.answered(102.5, 102.6), "there is no hold to end"
    assert hold.refused(60.0, 170.0, 170.0)


@given(st.lists(st.tuples(st.floats(0.0, 5.0), st.floats(0.0, 90.0), st.booleans()), max_size=60))
def test_whatever_comes(steps: list[tuple[float, float, bool]]) -> None:
    """In any order: never longer than a minute from now, and with at most three probes."""
    hold, now, probes = RetryAfterPause(), 100.0, 0
    for gap, seconds, taken in steps:
        now += gap
        if now < hold.until:
            if now >= hold.probe_at:
                hold.starting(now)
                probes += 1
        else:
            probes = 0
        if taken and now > hold.said_at:
            hold.answered(now, now)
        elif not taken:
            hold.refused(seconds, now, now)
        if now >= hold.until:
            probes = 0
        assert hold.until <= now + MAX_HOLD
        assert probes <= 3
