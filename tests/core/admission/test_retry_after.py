"""A Retry-After: what it holds, and how it is found out that it was meant for one record."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.core.admission.retry_after import MAX_RETRY_AFTER_SECONDS, RetryAfterPause


def test_a_partner_that_means_all_is_left_alone() -> None:
    """A hold is asked about three times, each time later; then nothing is sent until its end."""
    pause, now, asked = RetryAfterPause(), 100.0, []
    assert pause.refused(60.0, now, now)
    while (now := pause.wake_at()) < 160.0:
        pause.starting(now)
        asked.append(now)
    assert (asked, now) == ([101.0, 103.0, 107.0], 160.0)


def test_refusals_of_what_was_in_flight() -> None:
    """What was in flight when the first refusal came puts the first probe off, and uses none up."""
    pause = RetryAfterPause()
    pause.refused(2.0, 100.0, 100.0)
    pause.refused(2.0, 99.9, 100.4)
    assert (pause.wake_at(), pause.until) == (101.4, 102.4)


def test_a_probe_that_is_refused() -> None:
    """It makes the hold longer, and the next probe is none the sooner."""
    pause = RetryAfterPause()
    pause.refused(10.0, 100.0, 100.0)
    pause.starting(101.0)
    pause.refused(10.0, 101.0, 101.1)
    assert (pause.until, pause.wake_at()) == (111.1, 103.0)


def test_longest() -> None:
    """It holds for a minute at most."""
    pause = RetryAfterPause()
    pause.refused(86_400.0, 100.0, 100.0)
    assert pause.until == 100.0 + MAX_RETRY_AFTER_SECONDS


def test_what_was_learned_is_forgotten() -> None:
    """That a Retry-After is meant for one record is remembered for a minute, or tested anew."""
    pause = RetryAfterPause()
    pause.refused(60.0, 100.0, 100.0)
    assert pause.answered(101.0, 101.1)
    assert not pause.refused(60.0, 102.0, 102.0)
    assert not pause.answered(102.5, 102.6), "there is no hold to end"
    assert pause.refused(60.0, 170.0, 170.0)


@given(st.lists(st.tuples(st.floats(0.0, 5.0), st.floats(0.0, 90.0), st.booleans()), max_size=60))
def test_whatever_comes(steps: list[tuple[float, float, bool]]) -> None:
    """In any order: never longer than a minute from now, and with at most three probes."""
    pause, now, probes = RetryAfterPause(), 100.0, 0
    for gap, seconds, taken in steps:
        now += gap
        if now < pause.until:
            if now >= pause.probe_at:
                pause.starting(now)
                probes += 1
        else:
            probes = 0
        if taken and now > pause.said_at:
            pause.answered(now, now)
        elif not taken:
            pause.refused(seconds, now, now)
        if now >= pause.until:
            probes = 0
        assert pause.until <= now + MAX_RETRY_AFTER_SECONDS
        assert probes <= 3
