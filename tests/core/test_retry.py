"""Retries: which tier comes after an attempt, and when there is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.retry import RetryPolicy, Tier

NOW = 1_767_323_045.0  # 2026-01-02T03:04:05Z
TIERS = tuple(
    Tier(label, seconds)
    for label, seconds in (("10s", 10), ("1m", 60), ("5m", 300), ("30m", 1800), ("2h", 7200), ("24h", 86400))
)
POLICY = RetryPolicy(TIERS, 12, 30 * 86400.0)

seconds_lists = st.lists(st.integers(1, 10**6), min_size=1, max_size=8, unique=True).map(sorted)
policies = st.builds(
    RetryPolicy,
    seconds_lists.map(lambda delays: tuple(Tier(f"{delay}s", delay) for delay in delays)),
    st.integers(1, 20),
    st.just(1e6),
)


def labels(policy: RetryPolicy, retry_after: float | None = None) -> list[str | None]:
    """The tier after each attempt, until they are used up."""
    tiers = [policy.next_tier(attempts, retry_after) for attempts in range(1, policy.max_attempts + 1)]
    return [None if tier is None else tier.label for tier in tiers]


def test_schedule() -> None:
    """Each attempt has its tier, the last tier is reused, and the last attempt has none."""
    assert labels(POLICY) == ["10s", "1m", "5m", "30m", "2h", *["24h"] * 6, None]


def test_one_attempt() -> None:
    """With one attempt nothing is tried again, whatever the partner asks for."""
    policy = POLICY._replace(max_attempts=1)
    assert (policy.next_tier(1, None), policy.next_tier(1, 60.0)) == (None, None)


@pytest.mark.parametrize("attempts", [12, 13, 999_999])
def test_used_up(attempts: int) -> None:
    """At the most attempts, or beyond them by a forged header, there is no tier."""
    assert POLICY.next_tier(attempts, None) is None


@pytest.mark.parametrize(
    ("attempts", "retry_after", "label"),
    [
        (1, 0.0, "10s"),
        (1, 10.0, "10s"),
        (1, 10.1, "1m"),
        (1, 60.0, "1m"),
        (1, 1801.0, "2h"),
        (1, 86400.0, "24h"),
        (1, 1e12, "24h"),
        (1, float("inf"), "24h"),
        (4, 1.0, "30m"),
        (4, 60.0, "30m"),
        (4, 7200.0, "2h"),
        (11, 1.0, "24h"),
    ],
)
def test_retry_after(attempts: int, retry_after: float, label: str) -> None:
    """Retry-After moves to the smallest tier that is long enough, the last at most, never a shorter."""
    tier = POLICY.next_tier(attempts, retry_after)
    assert tier is not None
    assert tier.label == label


@given(policies, st.integers(1, 20), st.none() | st.floats(0, 2e6))
def test_any_policy(policy: RetryPolicy, attempts: int, retry_after: float | None) -> None:
    """A tier is at least the scheduled one, long enough if one is, and no longer than both ask for."""
    tier = policy.next_tier(attempts, retry_after)
    if attempts >= policy.max_attempts:
        assert tier is None
        return
    assert tier is not None
    scheduled = policy.tiers[min(attempts, len(policy.tiers)) - 1]
    asked = max(scheduled.seconds, retry_after or 0.0)
    assert tier.seconds >= min(asked, policy.tiers[-1].seconds)
    assert all(other.seconds < asked for other in policy.tiers if other.seconds < tier.seconds)


@pytest.mark.parametrize(
    ("after", "expired"), [(0.0, False), (2_591_999.0, False), (2_592_000.0, False), (2_592_000.5, True)]
)
def test_window(after: float, expired: bool) -> None:
    """An event expires once its window has passed, not before."""
    assert POLICY.expired(NOW, NOW + after) is expired
