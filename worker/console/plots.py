"""Plots of the last hour, drawn as SVG.

The rules: pure; a drawing has a title and a description in words; it holds only shapes: no text that would
shrink with it, no style, no script. A table beside it holds the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

from worker.console.words import count, minute
from worker.core.last_hour import Minute

WIDTH, HEIGHT = 600.0, 120.0
GAP = 0.18
"""The share of a minute's width that is empty between two bars."""

MOST_SERIES = 6
"""The most series in a plot; the smallest are joined as `other`."""

OTHER = "other"


class Series(NamedTuple):
    """Counts by the minute; None is unknown."""

    name: str
    values: Sequence[float | None]

    @property
    def total(self) -> float:
        """The sum of the known counts."""
        return sum(value or 0 for value in self.values)


class Plot(NamedTuple):
    """A drawing, its labels and its data."""

    id: str
    title: str
    svg: str
    top: float
    """The count per minute at its upper edge."""
    times: Sequence[float]
    series: Sequence[Series]


def flow_plots(hour: Sequence[Minute]) -> list[Plot]:
    """The plots of the flow view: published and delivered, failed, put to wait, died."""
    times = [one.at for one in hour]
    came = Series("published to the source", [one.published for one in hour])
    went = Series("delivered", [one.delivered for one in hour])
    waits = Series("to a delay tier", [one.waiting for one in hour])
    copies = Series("copies passed over", [one.duplicates for one in hour])
    return [
        lines("came", "Published, and delivered", times, [came, went]),
        bars("failed", "Attempts that failed, by answer", times, by_name([one.failed for one in hour])),
        bars("waiting", "Began to wait", times, [waits, *([copies] if copies.total else [])]),
        bars("dead", "Died, by reason", times, by_name([one.dead for one in hour])),
    ]


def by_name(counts: Sequence[Mapping[str, int]]) -> list[Series]:
    """A series for each name, most frequent first; the least frequent are joined."""
    totals: dict[str, int] = {}
    for one in counts:
        for name, number in one.items():
            totals[name] = totals.get(name, 0) + number
    ranked = sorted(totals, key=lambda name: (-totals[name], name))
    kept, rest = ranked[:MOST_SERIES], ranked[MOST_SERIES:]
    series = [Series(name, [one.get(name, 0) for one in counts]) for name in kept]
    if rest:
        series.append(Series(OTHER, [sum(one.get(name, 0) for name in rest) for one in counts]))
    return series


def lines(id_: str, title: str, times: Sequence[float], series: Sequence[Series]) -> Plot:
    """A line for each series, with gaps where the count is unknown."""
    top = nice_top(max((value or 0 for one in series for value in one.values), default=0))
    drawn = "".join(_line(one, number, top) for number, one in enumerate(series))
    return _plot(id_, title, drawn, top, times, series)


def bars(id_: str, title: str, times: Sequence[float], series: Sequence[Series]) -> Plot:
    """A stacked bar for each minute."""
    sums = [sum(one.values[index] or 0 for one in series) for index in range(len(times))]
    top = nice_top(max(sums, default=0))
    drawn = ""
    for index in range(len(times)):
        below = 0.0
        for number, one in enumerate(series):
            value = one.values[index] or 0
            drawn += _bar(index, len(times), below, value, top, number)
            below += value
    return _plot(id_, title, drawn, top, times, series)


def sparkline(title: str, values: Sequence[float]) -> str:
    """A small line with a filled area, to show beside a number."""
    top = nice_top(max(values, default=0))
    points = _points(values, top)
    area = f"M{points[0][0]:g} {HEIGHT:g}L{_path(points)}L{points[-1][0]:g} {HEIGHT:g}Z" if points else ""
    shapes = f'<path class="area s0" d="{area}"/><path class="line s0" d="M{_path(points)}"/>'
    return _svg("spark", title, f"{count(sum(values))} in the last hour", shapes if points else "")


def nice_top(most: float) -> float:
    """The least of 1, 2, 5, 10, 20, … that is not below `most`; 1 for 0."""
    if most <= 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= most)


def described(times: Sequence[float], series: Sequence[Series]) -> str:
    """Describe a plot in words."""
    if not times:
        return "nothing is known yet"
    told = "; ".join(
        f"{one.name}: {count(one.total)}, most {count(_most(one))} in a minute" for one in series
    )
    return f"from {minute(times[0])} to {minute(times[-1])} UTC: {told or 'none'}"


def _most(series: Series) -> float:
    return max((value or 0 for value in series.values), default=0)


def _plot(
    id_: str, title: str, drawn: str, top: float, times: Sequence[float], series: Sequence[Series]
) -> Plot:
    grid = "".join(f'<path class="grid" d="M0 {HEIGHT * at:g}H{WIDTH:g}"/>' for at in (0.0, 0.5, 1.0))
    return Plot(
        id_,
        title,
        _svg("plot", title, described(times, series), grid + drawn, id_),
        top,
        times,
        series,
    )


def _svg(kind: str, title: str, description: str, shapes: str, id_: str = "") -> str:
    named = f' aria-labelledby="{id_}-title {id_}-desc"' if id_ else f' aria-label="{escape(title)}"'
    ids = (f' id="{id_}-title"', f' id="{id_}-desc"') if id_ else ("", "")
    box = f'viewBox="0 0 {WIDTH:g} {HEIGHT:g}" preserveAspectRatio="none"'
    return (
        f'<svg class="{kind}" {box} role="img"{named}>'
        f"<title{ids[0]}>{escape(title)}</title><desc{ids[1]}>{escape(description)}</desc>{shapes}</svg>"
    )


def _bar(index: int, of: int, below: float, value: float, top: float, number: int) -> str:
    if not value:
        return ""
    step, height = WIDTH / of, HEIGHT * value / top
    x, y = step * (index + GAP / 2), HEIGHT - HEIGHT * below / top - height
    return (
        f'<rect class="bar s{number}" x="{x:.2f}" y="{y:.2f}" width="{step * (1 - GAP):.2f}" '
        f'height="{height:.2f}"/>'
    )


def _line(series: Series, number: int, top: float) -> str:
    parts: list[list[tuple[float, float]]] = [[]]
    for index, value in enumerate(series.values):
        if value is None:
            parts.append([])
        else:
            parts[-1].append(_point(index, len(series.values), value, top))
    drawn = "".join(f"M{_path(part)}" for part in parts if part)
    return f'<path class="line s{number}" d="{drawn}"/>' if drawn else ""


def _points(values: Sequence[float], top: float) -> list[tuple[float, float]]:
    return [_point(index, len(values), value, top) for index, value in enumerate(values)]


def _point(index: int, of: int, value: float, top: float) -> tuple[float, float]:
    return WIDTH * (index / max(1, of - 1)), HEIGHT * (1 - value / top)


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "L".join(f"{x:.2f} {y:.2f}" for x, y in points)
