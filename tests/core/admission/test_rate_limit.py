"""The rate: never a burst, and nothing lost to late timers."""

from __future__ import annotations

import math
from bisect import bisect_left
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.core.admission.rate_limit import RateLimit

ONE_SECOND = 1 - 1e-9
"""Less than a second by more than what adding up intervals rounds off."""

gaps = st.lists(
    st.one_of(st.just(0.0), st.floats(0, 0.02), st.floats(0, 1.5), st.integers(1, 9).map(float)), max_size=120
)


def most_in_a_second(starts: list[float]) -> int:
    """Count the fullest second."""
    ends = (bisect_left(starts, start + ONE_SECOND) - index for index, start in enumerate(starts))
    return max(ends, default=0)


@given(st.sampled_from([0.5, 1.0, 1.5, 2.0, 7.0, 10.0, 49.0, 50.0, 51.0, 400.0]), gaps)
@example(10.0, [0.0] * 30)
@example(10.0, [0.0, 0.0, 0.95] + [0.0] * 30)
def test_any_arrivals(rate: float, gaps: list[float]) -> None:
    """However requests arrive, no second sees more than the rate and one."""
    limiter, now = RateLimit(rate), 1_000.0
    starts: list[float] = []
    for gap in gaps:
        now += gap
        while limiter.wake_at() <= now and len(starts) < 5_000:
            limiter.starting(now)
            starts.append(now)
    assert most_in_a_second(starts) <= math.ceil(rate) + 1


@pytest.mark.parametrize(
    ("rate", "share"), [(1, 0.99), (7, 0.99), (20, 0.99), (50, 0.99), (60, 0.99), (400, 0.98), (5_000, 0.98)]
)
def test_late_timers(rate: int, share: float) -> None:
    """Under constant demand a minute sees the rate, or nearly, though each timer is up to 15 ms late."""
    limiter, random = RateLimit(rate), Random(rate)
    starts, now = [], 0.0
    while now < 60.0:
        while limiter.wake_at() <= now:
            limiter.starting(now)
            starts.append(now)
        now = limiter.wake_at() + random.uniform(0.0, 0.015)
    assert rate * 60 * share <= len(starts) <= rate * 60 + 2
    assert most_in_a_second(starts) <= rate + 1


def test_even_spacing() -> None:
    """Starts that are in time are one interval apart, and drift does not add up."""
    limiter = RateLimit(4)
    limiter.starting(10.0)
    limiter.starting(10.0)
    for start in (10.25, 10.5, 10.75, 11.0):
        assert limiter.wake_at() == start
        limiter.starting(start + 0.1)


@given(st.sampled_from([0.5, 1.0, 7.0, 60.0, 400.0]), st.sampled_from([0.1, 1 / 3, 0.5, 0.9]), gaps)
@example(60.0, 0.5, [0.0] * 100)
def test_any_arrivals_of_a_share(rate: float, share: float, gaps: list[float]) -> None:
    """However requests arrive, no second sees more than the share, rounded up."""
    limiter, now = RateLimit(rate, share), 1_000.0
    starts: list[float] = []
    for gap in gaps:
        now += gap
        while limiter.wake_at() <= now and len(starts) < 5_000:
            limiter.starting(now)
            starts.append(now)
    assert most_in_a_second(starts) <= math.ceil(rate * share)


def test_shares_that_change() -> None:
    """Three workers whose shares change never send more in a second than the rate and two, nor much less."""
    random = Random(4)
    shares, starts, now = (3, 2, 1), [], 0.0
    limiters = [RateLimit(60.0, part / 6, now) for part in shares]
    while now < 60.0:
        if random.random() < 0.002:
            shares = (shares[1], shares[2], shares[0])
            limiters = [RateLimit(60.0, part / 6, now) for part in shares]
        for limiter in limiters:
            while limiter.wake_at() <= now:
                limiter.starting(now)
                starts.append(now)
        now += random.uniform(0.0, 0.006)
    assert most_in_a_second(starts) <= 62
    assert len(starts) >= 3_600 * 0.98 - 60


def test_no_share() -> None:
    """A worker that owns nothing may start nothing, however long it waits."""
    limiter = RateLimit(60.0, 0.0, since=1.0)
    assert (limiter.wake_at(), limiter.per_second) == (math.inf, 0.0)
