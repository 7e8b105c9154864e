"""Standing orders to all workers of a destination.

The rule: an order ends at its time (epoch seconds), or when another with its key replaces it. What lay in a
tier when an order was given is told by offsets, not by times: the clocks of those who give and do differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from schemas.moment import format_time
from worker.core.event_filter import EventFilter
from worker.core.record import Partition, Record

PAUSE, RATE, CANCEL, NOW = "pause", "rate", "cancel/", "now/"


TierEnds = Mapping[Partition, int]
"""Where each tier's partition ended when an order was given."""


class Provenance(NamedTuple):
    """Who gave an order, when (epoch seconds), and why, if that was said."""

    at: float
    by: str
    because: str | None = None


class PauseOrder(NamedTuple):
    """Nothing is sent, up to `until` (epoch seconds; None without an end)."""

    provenance: Provenance
    until: float | None = None

    @property
    def key(self) -> str:
        """The key of its record."""
        return PAUSE


class RateOrder(NamedTuple):
    """At most so many attempts a second, of the whole group."""

    provenance: Provenance
    per_second: float
    until: float | None = None

    @property
    def key(self) -> str:
        """The key of its record."""
        return RATE


class CancelOrder(NamedTuple):
    """Whatever matches ends as `cancelled`; with `waiting`, only what was in a tier when this was given."""

    provenance: Provenance
    id: str
    filter: EventFilter
    until: float | None = None
    waiting: bool = False
    ends: TierEnds | None = None
    """With `waiting`; None in an order of a version that wrote none: the time tells then."""
    logs: Mapping[str, str] = {}
    """The ids of the tiers' logs then, as far as known: one that was made anew has the same offsets again."""

    @property
    def key(self) -> str:
        """The key of its record."""
        return f"{CANCEL}{self.id}"


class HurryOrder(NamedTuple):
    """Whatever matches and was in a tier when this was given is due."""

    provenance: Provenance
    id: str
    filter: EventFilter
    until: float | None = None
    ends: TierEnds | None = None
    logs: Mapping[str, str] = {}
    """Both as those of a CancelOrder."""

    @property
    def key(self) -> str:
        """The key of its record."""
        return f"{NOW}{self.id}"


class OrderEnd(NamedTuple):
    """The order with this key has ended."""

    provenance: Provenance
    key: str


Order = PauseOrder | RateOrder | CancelOrder | HurryOrder


def stands(order: Order, now: float) -> bool:
    """Whether an order is still in force."""
    return order.until is None or now < order.until


def is_meant(
    order: CancelOrder | HurryOrder, record: Record, *, on_tier: bool, log: str | None = None
) -> bool:
    """Whether an order applies to a pending record; never raises, whatever the bytes.

    `log` is the id of the record's log, if known.
    """
    of_what_waits = isinstance(order, HurryOrder) or order.waiting
    if of_what_waits and not (on_tier and _waited(order, record, log)):
        return False
    return order.filter.matches(record.value, record.headers, on_tier=on_tier)


def _waited(order: CancelOrder | HurryOrder, record: Record, log: str | None) -> bool:
    """Whether a tier's record was there when the order was given."""
    if order.ends is None:
        return record.timestamp <= order.provenance.at
    its = order.logs.get(record.at.topic)
    if None not in {its, log} and its != log:
        return False
    return record.offset < order.ends.get(record.at, 0)


def described(order: Order | OrderEnd) -> str:
    """An order in one line: what, until when, by whom, why."""
    text = _what(order)
    if not isinstance(order, OrderEnd) and order.until is not None:
        text += f" until {format_time(order.until)}"
    text += f", by {order.provenance.by} at {format_time(order.provenance.at)}"
    return text if order.provenance.because is None else f"{text}: {order.provenance.because}"


def _what(order: Order | OrderEnd) -> str:
    if isinstance(order, PauseOrder):
        return "paused"
    if isinstance(order, RateOrder):
        return f"at most {order.per_second:.15g} a second"
    if isinstance(order, OrderEnd):
        return f"the order {order.key} is ended"
    waiting = isinstance(order, HurryOrder) or order.waiting
    verb = "cancelled" if isinstance(order, CancelOrder) else "due now"
    return f"{verb} is what {'waits' if waiting else 'is pending'} and is {order.filter}"
