"""The figures of a run as bars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.bench.rounds import Case, Results, median
from tests.support.svg import Bar, Group, bars

TITLES = {
    "contenders": "CPU of one core for each event, µs (line: least to most of the run)",
    "guarantee": "What the delivery guarantee costs: CPU µs an event",
    "gc": "What garbage collection costs: CPU µs an event",
}


def draw(cases: Sequence[Case], results: Results, name: str, folder: Path) -> None:
    """Write `bench-{name}.svg`: CPU for each event, the worker in a colour of its own."""
    found = [_bar(case, results) for case in cases]
    title = TITLES.get(name, f"CPU µs an event, by {name}")
    save(bars(title, [Group("", found)]), name, folder)


def save(picture: str, name: str, folder: Path) -> None:
    """Write a picture into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"bench-{name}.svg").write_text(picture, "utf-8")


def _bar(case: Case, results: Results) -> Bar:
    costs = results[case.label]
    cpu = [cost["cpu_us"] for cost in costs]
    colour = 0 if case.contender == "worker" else 1
    return Bar(case.label.replace("`", ""), median(costs, "cpu_us"), min(cpu), max(cpu), colour)
