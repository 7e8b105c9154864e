"""Plots: what is drawn, what is said of it."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from worker.console.plots import MOST_SERIES, Series, bars, by_name, flow_plots, lines, nice_top, sparkline
from worker.console.words import clock, count, span, spoken
from worker.core.last_hour import Minute

SVG = "{http://www.w3.org/2000/svg}"


def shapes(svg: str) -> list[ET.Element]:
    """The elements of a drawing."""
    return list(ET.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)).iter())  # noqa: S314 - our own


@pytest.mark.parametrize(
    ("most", "top"), [(0, 1), (1, 1), (1.5, 2), (3, 5), (70, 100), (1999, 2000), (2001, 5000)]
)
def test_the_upper_edge_is_a_round_number(most: float, top: float) -> None:
    """What the upper edge stands for is round, and no less than what is drawn."""
    assert nice_top(most) == top


def test_bars_stand_upon_each_other() -> None:
    """The parts of a minute end where its sum is, and none stands where nothing was."""
    plot = bars("id", "Failed", [0.0, 60.0], [Series("a", [3, 0]), Series("b", [7, 0])])
    drawn = [one for one in shapes(plot.svg) if one.tag == f"{SVG}rect"]
    assert [(one.get("y"), one.get("height")) for one in drawn] == [("84.00", "36.00"), ("0.00", "84.00")]
    assert plot.top == 10


def test_a_line_is_broken_where_nothing_is_known() -> None:
    """Of minutes of which nothing is known nothing is drawn, not a zero."""
    plot = lines("id", "Published", [0.0, 60.0, 120.0], [Series("a", [1, None, 1])])
    (line,) = [one for one in shapes(plot.svg) if "line" in one.get("class", "")]
    assert line.get("d", "").count("M") == 2
    assert "L" not in line.get("d", "")


def test_names_are_text() -> None:
    """A name that is markup is written as text, in the words of a drawing too."""
    plot = bars("id", "Died", [0.0], [Series("<script>", [1])])
    assert "<script>" not in plot.svg
    (told,) = [one.text for one in shapes(plot.svg) if one.tag == f"{SVG}desc"]
    assert told == "from 00:00 to 00:00 UTC: <script>: 1, most 1 in a minute"


def test_the_rarest_are_one() -> None:
    """Of very many names the rarest are one, and nothing is left out of the sum."""
    counts = [{f"s{number}": number + 1 for number in range(MOST_SERIES + 3)}]
    series = by_name(counts)
    assert [one.name for one in series][-1] == "other"
    assert len(series) == MOST_SERIES + 1
    assert sum(one.total for one in series) == sum(counts[0].values())


def test_an_hour_of_nothing() -> None:
    """Where nothing is known yet the drawings say so."""
    assert [len(plot.series) for plot in flow_plots([])] == [2, 0, 1, 0]
    assert "nothing is known yet" in flow_plots([])[0].svg
    assert "<path" not in sparkline("Delivered", [])
    assert [len(plot.series) for plot in flow_plots([Minute(0.0, duplicates=2)])] == [2, 0, 2, 0]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (119, "119 s"), (3600, "60 min"), (7500, "2 h 05 min"), (200_000, "2 d 7 h"), (-3, "0 s")],
)
def test_spans(seconds: float, text: str) -> None:
    """A span is said with the two units that count."""
    assert span(seconds) == text


def test_words() -> None:
    """Numbers have their thousands apart, moments are UTC, words are read as words."""
    assert [count(one) for one in (18412, 0.25, 16.7, None)] == ["18,412", "0.25", "16.7", "\N{EN DASH}"]
    assert clock(0.0) == "1970-01-01 00:00:00"
    assert spoken("partner_down") == "partner down"
