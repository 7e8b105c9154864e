"""What a Retry-After says, whether it pauses everything, and for how long.

The rules: the first Retry-After pauses everything, for a minute at most, while a few probes ask whether it
was meant for everything. If a request that began after the refusal is taken before the time asked for, it was
not: the pause ends. From then on, for a while, such an answer pauses everything only if nothing that began
after it is taken. The refused record itself waits in its tier in any case. Refused probes are not repeated: a
partner that means everything is left alone until its time. Refusals that `pace` knows to be usual whatever
the load are not reported here.
"""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

_NEVER, _INF = float("-inf"), float("inf")
# A partner's Retry-After pauses everything for at most this long before it is asked again.
MAX_RETRY_AFTER_SECONDS = 60.0
# Seconds before the first probe (each further pause is twice the one before), and the number of probes.
_FIRST_PAUSE_SECONDS, _MOST_PROBES = 1.0, 3
# Seconds for which it is remembered that a Retry-After was not meant for all; each further proof renews it.
_REMEMBERED_SECONDS = 60.0
# Then, seconds to wait for others to be taken, or that many times as long as the refusal took.
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
    """The pause that a partner asked for; times are monotonic seconds."""

    __slots__ = ("_claimed_until", "_known_until", "_pause", "_probes", "probe_at", "said_at", "until")

    def __init__(self) -> None:
        self.until = _NEVER
        """Until when only probes may be sent."""
        self.probe_at = _INF
        """When the next probe may be sent during the pause."""
        self.said_at = _INF
        """When the present Retry-After was first said; infinite without one that may be for all."""
        self._claimed_until = self._known_until = _NEVER
        self._pause, self._probes = _FIRST_PAUSE_SECONDS, 0

    def refused(self, seconds: float, started: float, now: float) -> bool:
        """Note an answer with a Retry-After of `seconds`; return whether that pauses everything."""
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
        if (
            now >= self.until or started <= self.said_at
        ):  # requests that were in flight belong to the first refusal
            self.probe_at = now + _FIRST_PAUSE_SECONDS
        self.until = max(self.until, now + seconds)
        return True

    def starting(self, now: float) -> None:
        """Note that a probe starts."""
        self._probes -= 1
        self._pause *= 2
        self.probe_at = now + self._pause if self._probes else _INF

    def answered(self, started: float, now: float) -> bool:
        """Note a taken request that began after `said_at`; return whether that ends a pause."""
        early, in_force = started < self._claimed_until, now < self.until
        self.said_at, self._claimed_until = _INF, _NEVER
        if not early:
            return False
        self.until = _NEVER
        self._known_until = now + _REMEMBERED_SECONDS
        return in_force

    def wake_at(self) -> float:
        """When the next request may start as far as Retry-After is concerned."""
        return min(self.until, self.probe_at)
