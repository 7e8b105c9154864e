"""Bars as SVG: groups of horizontal bars, each with its value and, where there is one, its spread.

The rule: small and plain; it is read in a README, light or dark, so it brings its own background.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, LEFT, RIGHT, TOP, BAR, GAP = 820, 370, 70, 34, 20, 14
COLOURS = ("#1f6fb2", "#9aa5b1", "#d1661c")
_STYLE = "text{font:12px sans-serif;fill:#333}.t{font-weight:bold;font-size:14px}.g{font-weight:bold}"


class Bar(NamedTuple):
    """A value, with the lowest and the highest seen where there were several; `colour` indexes COLOURS."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    colour: int = 0


class Group(NamedTuple):
    """Bars under one name; its scale is its own where `alone`, else that of the plot."""

    name: str
    bars: Sequence[Bar]
    alone: bool = False


def bars(title: str, groups: Sequence[Group]) -> str:
    """Draw them, longest value to the right edge."""
    most = max(_most(group) for group in groups)
    parts: list[str] = []
    y = float(TOP)
    for group in groups:
        if group.name:
            parts.append(f'<text class="g" x="12" y="{y + 14:.0f}">{escape(group.name)}</text>')
            y += BAR
        scale = (WIDTH - LEFT - RIGHT) / ((_most(group) if group.alone else most) or 1.0)
        for bar in group.bars:
            parts.extend(_bar(bar, y, scale))
            y += BAR
        y += GAP
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y:.0f}" role="img">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
        f'<rect width="{WIDTH}" height="{y:.0f}" fill="#fff"/>'
        f'<text class="t" x="12" y="20">{escape(title)}</text>'
    )
    return "\n".join([head, *parts, "</svg>\n"])


def _most(group: Group) -> float:
    return max(max(bar.value, bar.high or 0.0) for bar in group.bars)


def _bar(bar: Bar, y: float, scale: float) -> list[str]:
    middle = y + BAR / 2
    end = LEFT + bar.value * scale
    length, colour = bar.value * scale, COLOURS[bar.colour]
    parts = [
        f'<text x="{LEFT - 8}" y="{middle + 4:.1f}" text-anchor="end">{escape(bar.label)}</text>',
        f'<rect x="{LEFT}" y="{y + 2:.1f}" width="{length:.1f}" height="{BAR - 4}" fill="{colour}"/>',
    ]
    if bar.low is not None and bar.high is not None:
        low, end = LEFT + bar.low * scale, max(end, LEFT + bar.high * scale)
        high = LEFT + bar.high * scale
        parts.append(f'<path d="M{low:.1f} {middle:.1f}H{high:.1f}" stroke="#333" stroke-width="1.5"/>')
    parts.append(f'<text x="{end + 5:.1f}" y="{middle + 4:.1f}">{_short(bar.value)}</text>')
    return parts


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
