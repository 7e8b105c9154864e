"""What the worker is to hold beside the others: said after each comparison.

The rule: a goal is a ratio within the run, so it means the same on every machine.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.bench.contenders import CONTENDERS
from tests.bench.rounds import Results, ratio


class Goal(NamedTuple):
    """The worker's events for each core-second, as a multiple of another's: at least so many."""

    other: str
    least: float


GOALS = (
    Goal("bare", 2.5),
    Goal("script-batch", 3.0),
    Goal("script-tasks", 3.0),
    Goal("faststream-batch", 3.0),
    Goal("faststream-many", 3.0),
    Goal("faststream-one", 8.0),
)


def judge(results: Results) -> str:
    """Say of each goal that the run can tell of whether it is met, as Markdown."""
    worker = CONTENDERS["worker"].what
    lines = ["| events for each core-second, this worker to | times | goal |", "| --- | ---: | --- |"]
    for goal in GOALS:
        other = CONTENDERS[goal.other].what
        if worker in results and other in results:
            times = ratio(results, worker, other, "per_core")
            verdict = "met" if times >= goal.least else "missed"
            lines.append(f"| {other} | {times:.1f} | {verdict}: at least {goal.least:g} |")
    return "\n".join(lines)
