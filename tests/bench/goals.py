"""What the worker is to hold beside the others: said after each comparison.

The rule: a goal is a ratio within the run, so it means the same on every machine.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from tests.bench.contenders import CONTENDERS
from tests.bench.job import Figures, Job
from tests.bench.rounds import Results, median, ratio


class Goal(NamedTuple):
    """Events for each core-second, as a multiple of another's: at least so many, at this latency."""

    other: str
    least: float
    of: str = "worker"
    latency_ms: float = 0.0


GOALS = (
    Goal("bare", 1 / 0.40, latency_ms=20.0),
    Goal("bare", 1 / 0.36, "no-journal", 20.0),
    Goal("go", 1 / 0.85, latency_ms=20.0),
    Goal("bare", 1 / 0.36),
    Goal("bare", 1 / 0.32, "no-journal"),
    Goal("go", 1.0),
    Goal("script-batch", 3.0),
    Goal("script-tasks", 3.0),
    Goal("faststream-batch", 3.0),
    Goal("faststream-many", 3.0),
    Goal("faststream-one", 8.0),
)


def judge(results: Results, latency_ms: float = 0.0) -> str:
    """Say of each goal that the run can tell of whether it is met, as Markdown."""
    lines = ["| events for each core-second | to | times | goal |", "| --- | --- | ---: | --- |"]
    for goal in GOALS:
        ours, other = CONTENDERS[goal.of].what, CONTENDERS[goal.other].what
        if goal.latency_ms == latency_ms and ours in results and other in results:
            times = ratio(results, ours, other, "per_core")
            verdict = "met" if times >= goal.least else "missed"
            lines.append(f"| {ours} | {other} | {times:.2f} | {verdict}: at least {goal.least:.2f} |")
    speeds = _judge_speed(results, latency_ms)
    return "\n".join([*lines, "", *speeds] if speeds else lines)


SPEED_SHARE = 0.90
"""Events per second, at least, of what so many in flight can give; of Go's, where that has no bound."""


def _judge_speed(results: Results, latency_ms: float) -> list[str]:
    """Say how many events a second there were, beside as many as there may be."""
    lines = ["| events per second | | of as many as | times | goal |", "| --- | ---: | --- | ---: | --- |"]
    in_flight = Job("", 0).concurrency
    go = CONTENDERS["go"].what
    for name in ("worker", "no-journal", "bare"):
        ours = CONTENDERS[name].what
        if ours not in results or not (latency_ms or go in results):
            continue
        speed = median(results[ours], "per_second")
        if latency_ms:
            most = in_flight * 1000 / latency_ms
            what, times = f"{in_flight} in flight can give, {most:,.0f}", speed / most
        else:
            what, times = go, ratio(results, ours, go, "per_second")
        verdict = "met" if times >= SPEED_SHARE else "missed"
        goal = f"{verdict}: at least {SPEED_SHARE:.2f}" if name == "worker" else ""
        lines.append(f"| {ours} | {speed:,.0f} | {what} | {times:.2f} | {goal} |")
    return lines if len(lines) > 2 else []


class Most(NamedTuple):
    """CPU of an event: at most so many times another's."""

    of: str
    most: float
    other: str


BARE_US = 102.0
"""What the bare loop took for an event where the goals of routing were set, in µs of CPU."""

ROUTING_GOALS = (
    Most("one-of-several", 1.10, "one-alone"),
    Most("passed-by-field", 4.0 / BARE_US, "bare"),
    Most("passed-by-fallback", 4.0 / BARE_US, "bare"),
    Most("passed-by-header", 2.0 / BARE_US, "bare"),
)


def judge_routing(results: Results) -> str:
    """Say of each cost whether it is within its goal, and what of it is not the reading, as Markdown."""
    reading = results[CONTENDERS["only-reads"].what]
    lines = ["| an event | CPU µs | beyond reading | times | goal |", "| --- | ---: | ---: | ---: | --- |"]
    for goal in ROUTING_GOALS:
        ours, other = CONTENDERS[goal.of].what, CONTENDERS[goal.other].what
        cost, times = median(results[ours], "cpu_us"), ratio(results, ours, other)
        beyond = statistics.median(_differences(results[ours], reading))
        verdict = "met" if times <= goal.most else "missed"
        held = f"{times:.3f} of {other} | {verdict}: at most {goal.most:.3f} |"
        lines.append(f"| {ours} | {cost:.1f} | {beyond:.1f} | {held}")
    return "\n".join(lines)


def _differences(costs: Sequence[Figures], others: Sequence[Figures]) -> list[float]:
    return [cost["cpu_us"] - other["cpu_us"] for cost, other in zip(costs, others, strict=True)]
