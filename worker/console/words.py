"""Formats numbers, times and values for the page.

The rule: pure; the same value always looks the same, and every time is UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from worker.core.flow_diagnosis import FlowVerdict

SHAPES: Mapping[FlowVerdict | None, str] = {
    FlowVerdict.FLOWING: "well",
    FlowVerdict.IDLE: "still",
    FlowVerdict.PAUSED: "held",
    FlowVerdict.RATE_LIMITED: "held",
    FlowVerdict.LAGGING: "watch",
    FlowVerdict.PARTNER_FULL: "watch",
    None: "watch",
    FlowVerdict.FAILING: "broken",
    FlowVerdict.PARTNER_DOWN: "broken",
    FlowVerdict.STUCK: "broken",
    FlowVerdict.NO_WORKER: "broken",
}
"""The shape beside a verdict's word, so that verdicts can be told apart without colour."""

GRAVITY = ("broken", "watch", "held", "well", "still")
"""Shapes, from the most to the least urgent."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def spoken(name: str) -> str:
    """An identifier in words: `partner_down` as `partner down`."""
    return name.replace("_", " ")


def count(number: float | None) -> str:
    """A number with thousands separated; a dash if it is None."""
    if number is None:
        return "\N{EN DASH}"
    return f"{number:,.0f}" if number == int(number) else f"{number:,.2f}".rstrip("0").rstrip(".")


def span(seconds: float) -> str:
    """A duration: `4 s`, `12 min`, `3 h 05 min`, `2 d 4 h`."""
    whole = max(0, round(seconds))
    if whole < 2 * _MINUTE:
        return f"{whole} s"
    if whole < 2 * _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < 2 * _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def clock(at: float) -> str:
    """A time (epoch seconds): `2026-11-27 23:40:02`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def minute(at: float) -> str:
    """A time to the minute: `23:40`."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M")


def machine(at: float) -> str:
    """A time for HTML's `datetime` attribute."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
