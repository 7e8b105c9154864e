"""The figures of a run as bars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.bench.rounds import Case, Results, median
from tests.support.svg import Bar, Group, bars


def draw(title: str, groups: Sequence[Group], name: str, folder: Path) -> None:
    """Write `bench-{name}.svg`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"bench-{name}.svg").write_text(bars(title, groups), "utf-8")


def group(name: str, cases: Sequence[Case], results: Results) -> Group:
    """The CPU for each event of these cases, the worker in a colour of its own."""
    return Group(name, [_bar(case, results) for case in cases])


def _bar(case: Case, results: Results) -> Bar:
    costs = results[case.label]
    cpu = [cost["cpu_us"] for cost in costs]
    colour = 0 if case.contender == "worker" else 1
    return Bar(case.label.replace("`", ""), median(costs, "cpu_us"), min(cpu), max(cpu), colour)
