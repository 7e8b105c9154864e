"""Line plots as SVG: rows over one time axis, a line or two in each, a shaded span for an outage.

The rule: small and plain; a line is thinned to what a screen can show, without losing its lows and highs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

WIDTH, ROW, LEFT, RIGHT, TOP, GAP, BOTTOM = 760, 110, 64, 16, 34, 22, 26
COLUMNS = 300
COLOURS = ("#1f6fb2", "#d1661c", "#777777")
_STYLE = "text{font:11px sans-serif;fill:#333}.t{font-weight:bold;font-size:13px}"

Points = Sequence[tuple[float, float]]


class Line(NamedTuple):
    """A named series of (time, value)."""

    name: str
    points: Points


class Row(NamedTuple):
    """A panel: what its values are, its lines, and its highest value (else the highest of the lines)."""

    label: str
    lines: Sequence[Line]
    top: float | None = None


def plot(
    title: str, rows: Sequence[Row], spans: Sequence[tuple[float, float]] = (), unit: float = 1.0
) -> str:
    """Draw it; times are in seconds and shown in `unit` (60 shows minutes)."""
    times = [at for row in rows for line in row.lines for at, _ in line.points]
    begin, end = min(times), max(times)
    height = TOP + len(rows) * (ROW + GAP) + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f'<title>{title}</title><style>{_STYLE}</style><rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text class="t" x="{LEFT}" y="18">{title}</text>',
    ]
    for number, row in enumerate(rows):
        parts.extend(_row(row, TOP + number * (ROW + GAP), (begin, end), spans))
    parts.extend(_axis(height - BOTTOM, (begin, end), unit))
    return "\n".join([*parts, "</svg>\n"])


def _row(row: Row, y: float, time: tuple[float, float], spans: Sequence[tuple[float, float]]) -> list[str]:
    top = row.top or max(value for line in row.lines for _, value in line.points) or 1.0
    parts = [
        f'<rect x="{_x(a, time):.1f}" y="{y}" width="{_x(b, time) - _x(a, time):.1f}" height="{ROW}" '
        'fill="#f6d5d5"/>'
        for a, b in spans
    ]
    parts.append(
        f'<rect x="{LEFT}" y="{y}" width="{WIDTH - LEFT - RIGHT}" height="{ROW}" fill="none" stroke="#bbb"/>'
    )
    parts.append(f'<text x="{LEFT - 6}" y="{y + 10}" text-anchor="end">{top:g}</text>')
    parts.append(f'<text x="{LEFT - 6}" y="{y + ROW}" text-anchor="end">0</text>')
    name = f'<text x="{LEFT}" y="{y - 5}">{row.label}'
    for colour, line in zip(COLOURS, row.lines, strict=False):
        name += f'  <tspan fill="{colour}">{line.name}</tspan>'
        path = " ".join(
            f"{_x(at, time):.1f},{y + ROW * (1 - min(v, top) / top):.1f}" for at, v in _thin(line.points)
        )
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.3"/>')
    return [*parts, f"{name}</text>"]


def _axis(y: float, time: tuple[float, float], unit: float) -> list[str]:
    names = {1.0: "s", 60.0: "min", 3600.0: "h"}
    marks = [time[0] + (time[1] - time[0]) * tenth / 5 for tenth in range(6)]
    return [
        f'<text x="{_x(at, time):.1f}" y="{y + 12}" text-anchor="middle">{at / unit:.3g} {names[unit]}</text>'
        for at in marks
    ]


def _x(at: float, time: tuple[float, float]) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * (at - time[0]) / (time[1] - time[0])


def _thin(points: Points) -> list[tuple[float, float]]:
    """Keep the lowest and the highest of each column."""
    size = max(1, len(points) * 2 // COLUMNS)
    kept: list[tuple[float, float]] = []
    for index in range(0, len(points), size):
        column = points[index : index + size]
        extremes = {min(column, key=lambda point: point[1]), max(column, key=lambda point: point[1])}
        kept.extend(sorted(extremes))
    return kept
