"""How long to wait before another try."""

from __future__ import annotations

from worker.core.backoff import Backoff


def test_twice_as_long_each_time() -> None:
    """Each pause is twice as long as the one before, up to the longest."""
    backoff = Backoff()
    assert [backoff.pause() for _ in range(7)] == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_spread() -> None:
    """Chance takes off half of a pause at most."""
    backoff = Backoff(longest=1.0)
    assert [backoff.pause(jitter) for jitter in (0.0, 0.5, 1.0)] == [0.25, 0.75, 1.0]
