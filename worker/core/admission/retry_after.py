"""What a Retry-After says, whether it pauses everything, and for how long.

The rules: a Retry-After that is heard for the first time pauses everything, for a minute at most; a few
probes ask meanwhile whether it was meant so. What is taken though it began after the refusal and before the
time that was asked for shows that it was not: the pause is over. From then on, for a while, such an answer
pauses everything only where nothing that began after it is taken. The record that was refused waits for its
own time in any case: that is its tier's matter. Probes that are refused too are not made again: a partner
that means all is left alone until its time. What `pace` knows to be usual whatever the load is not told here.
"""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

_NEVER, _INF = float("-inf"), float("inf")
# A partner's Retry-After pauses everything for at most this long before it is asked again.
MAX_RETRY_AFTER_SECONDS = 60.0
# Seconds to the first probe, each further pause being twice the one before, and how many there are.
_FIRST_PAUSE_SECONDS, _MOST_PROBES = 1.0, 3
# So long it is remembered that a Retry-After was not meant for all: it is shown anew by each further one.
_REMEMBERED_SECONDS = 60.0
# So long one waits then to see others taken, or so many times as long as the refusal took.
_GRACE_SECONDS, _GRACE_FACTOR = 0.5, 2.0


def parse_retry_after(text: str | None, now: float) -> float | None:
    """Read a Retry-After header (RFC 9110, 10.2.3) as seconds from now, never below 0; None if unreadable."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        when = parsedate_to_datetime(text)
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        return max(0.0, when.timestamp() - now)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


class RetryAfterPause:
    """What a partner asked to be left alone for; times are monotonic seconds."""

    __slots__ = ("_claimed_until", "_known_until", "_pause", "_probes", "probe_at", "said_at", "until")

    def __init__(self) -> None:
        self.until = _NEVER
        """Until when nothing may be sent but probes."""
        self.probe_at = _INF
        """When the next probe may be sent, while it pauses all."""
        self.said_at = _INF
        """When the partner first said what nothing has shown to be meant for one record alone."""
        self._claimed_until = self._known_until = _NEVER
        self._pause, self._probes = _FIRST_PAUSE_SECONDS, 0

    def refused(self, seconds: float, started: float, now: float) -> bool:
        """Note an answer that asks to be left alone for so long; tell whether that pauses everything."""
        seconds = min(seconds, MAX_RETRY_AFTER_SECONDS)
        if now >= self._claimed_until:
            self.said_at = now
        self._claimed_until = max(self._claimed_until, now + seconds)
        if now < self._known_until and now - self.said_at < max(
            _GRACE_SECONDS, _GRACE_FACTOR * (now - started)
        ):
            return False
        if now >= self.until:
            self._pause, self._probes = _FIRST_PAUSE_SECONDS, _MOST_PROBES
        if now >= self.until or started <= self.said_at:  # those that were in flight belong to the first one
            self.probe_at = now + _FIRST_PAUSE_SECONDS
        self.until = max(self.until, now + seconds)
        return True

    def starting(self, now: float) -> None:
        """Note that a probe starts."""
        self._probes -= 1
        self._pause *= 2
        self.probe_at = now + self._pause if self._probes else _INF

    def answered(self, started: float, now: float) -> bool:
        """Note that a request is taken which began after `said_at`; tell whether that ends a pause."""
        early, in_force = started < self._claimed_until, now < self.until
        self.said_at, self._claimed_until = _INF, _NEVER
        if not early:
            return False
        self.until = _NEVER
        self._known_until = now + _REMEMBERED_SECONDS
        return in_force

    def wake_at(self) -> float:
        """When the next request may start, as far as this goes."""
        return min(self.until, self.probe_at)
