"""Standing orders to all workers of a destination.

The rule: an order ends at its time (epoch seconds), or when another with its key replaces it.
"""

from __future__ import annotations

from typing import NamedTuple

from schemas.moment import format_time
from worker.core.event_filter import EventFilter
from worker.core.record import Record

PAUSE, RATE, CANCEL, NOW = "pause", "rate", "cancel/", "now/"


class Given(NamedTuple):
    """Who gave an order, when (epoch seconds), and why, if that was said."""

    at: float
    by: str
    because: str | None = None


class Pause(NamedTuple):
    """Nothing is sent, up to `until` (epoch seconds; None without an end)."""

    given: Given
    until: float | None = None

    @property
    def key(self) -> str:
        """The key of its record."""
        return PAUSE


class RateOrder(NamedTuple):
    """At most so many attempts a second, of the whole group."""

    given: Given
    per_second: float
    until: float | None = None

    @property
    def key(self) -> str:
        """The key of its record."""
        return RATE


class Cancel(NamedTuple):
    """Whatever matches ends as `cancelled`; with `waiting`, only what was in a tier when this was given."""

    given: Given
    id: str
    filter: EventFilter
    until: float | None = None
    waiting: bool = False

    @property
    def key(self) -> str:
        """The key of its record."""
        return f"{CANCEL}{self.id}"


class Now(NamedTuple):
    """Whatever matches and was in a tier when this was given is due."""

    given: Given
    id: str
    filter: EventFilter
    until: float | None = None

    @property
    def key(self) -> str:
        """The key of its record."""
        return f"{NOW}{self.id}"


class End(NamedTuple):
    """The order with this key has ended."""

    given: Given
    key: str


Order = Pause | RateOrder | Cancel | Now


def stands(order: Order, now: float) -> bool:
    """Whether an order is still in force."""
    return order.until is None or now < order.until


def is_meant(order: Cancel | Now, record: Record, *, on_tier: bool) -> bool:
    """Whether an order applies to a pending record; never raises, whatever the bytes."""
    if (isinstance(order, Now) or order.waiting) and not (on_tier and record.timestamp <= order.given.at):
        return False
    return order.filter.matches(record.value, record.headers, on_tier=on_tier)


def described(order: Order | End) -> str:
    """An order in one line: what, until when, by whom, why."""
    text = _what(order)
    if not isinstance(order, End) and order.until is not None:
        text += f" until {format_time(order.until)}"
    text += f", by {order.given.by} at {format_time(order.given.at)}"
    return text if order.given.because is None else f"{text}: {order.given.because}"


def _what(order: Order | End) -> str:
    if isinstance(order, Pause):
        return "paused"
    if isinstance(order, RateOrder):
        return f"at most {order.per_second:g} a second"
    if isinstance(order, End):
        return f"the order {order.key} is ended"
    waiting = isinstance(order, Now) or order.waiting
    verb = "cancelled" if isinstance(order, Cancel) else "due now"
    return f"{verb} is what {'waits' if waiting else 'is pending'} and is {order.filter}"
