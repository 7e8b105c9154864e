"""Numbers, times and values in the words of the page.

The rule: pure; the same value always reads the same, and every time is UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime

from worker.core.flow import Verdict

SHAPES = {
    Verdict.FLOWING: "well",
    Verdict.IDLE: "still",
    Verdict.PAUSED: "held",
    Verdict.RATE_LIMITED: "held",
    Verdict.LAGGING: "watch",
    Verdict.PARTNER_FULL: "watch",
    Verdict.FAILING: "broken",
    Verdict.PARTNER_DOWN: "broken",
    Verdict.STUCK: "broken",
    Verdict.NO_WORKER: "broken",
}
"""Which shape stands for a verdict beside its word: it is told apart without colour."""

GRAVITY = ("broken", "watch", "held", "well", "still")
"""Shapes, that which needs somebody first."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def spoken(name: str) -> str:
    """A word of the program as it is read: `partner_down` is `partner down`."""
    return name.replace("_", " ")


def count(number: float | None) -> str:
    """A number with its thousands apart; a dash where it is not known."""
    if number is None:
        return "\N{EN DASH}"
    return f"{number:,.0f}" if number == int(number) else f"{number:,.2f}".rstrip("0").rstrip(".")


def span(seconds: float) -> str:
    """How long: `4 s`, `12 min`, `3 h 05 min`, `2 d 4 h`."""
    whole = max(0, round(seconds))
    if whole < 2 * _MINUTE:
        return f"{whole} s"
    if whole < 2 * _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < 2 * _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def clock(at: float) -> str:
    """A moment (epoch seconds): `2026-11-27 23:40:02`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def minute(at: float) -> str:
    """The minute of a moment: `23:40`."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M")


def machine(at: float) -> str:
    """A moment as HTML's `datetime` has it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
