"""Interleaved rounds, and what they come to: medians, spread, and ratios within each round.

The rule: no figure stands alone; each is read beside another of the same run.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tests.bench import go_peer
from tests.bench.contenders import CONTENDERS
from tests.bench.job import Figures, Job
from tests.bench.world import Backlog, Sink

ROUND_SECONDS = 600

Results = Mapping[str, Sequence[Figures]]


class Case(NamedTuple):
    """A contender under one condition; `against` names the case that it is a ratio to."""

    label: str
    contender: str
    job: Job
    backlog: Backlog
    environment: Mapping[str, str]
    against: str


def make_case(
    label: str, contender: str, to: Sink, backlog: Backlog, events: int, against: str, concurrency: int = 256
) -> Case:
    """A case with a group of its own; the slow contenders get their share of the events."""
    group = backlog.group(contender)
    count = max(1, int(events * CONTENDERS[contender].share))
    job = Job(to.base, count, concurrency, backlog.bootstrap, backlog.topic, group)
    return Case(label, contender, job, backlog, to.environment, against)


def run_rounds(cases: Sequence[Case], rounds: int) -> Results:
    """Run all cases in turn, `rounds` times; a round before warms up and is thrown away."""
    results: dict[str, list[Figures]] = {case.label: [] for case in cases}
    for case in cases:
        if CONTENDERS[case.contender].own:
            case.backlog.make_tiers(case.job.group)
    for number in range(rounds + 1):
        for case in cases:
            cost = run_case(case)
            if number:
                results[case.label].append(cost)
                say(f"  round {number}  {cost['cpu_us']:7.1f} us/event  {case.label}")
    return results


def run_case(case: Case, *, forget: bool = True) -> Figures:
    """Run a case once, in a process of its own; then forget how far its group came."""
    done = subprocess.run(
        command(case.contender, case.job),
        env=case.environment,
        stdout=subprocess.PIPE,
        stderr=None if case.contender == "profile" else subprocess.PIPE,
        text=True,
        timeout=ROUND_SECONDS,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{case.label} failed:\n{(done.stderr or '')[-3000:]}")
    if CONTENDERS[case.contender].kafka and forget:
        case.backlog.forget(case.job.group)
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def command(contender: str, job: Job) -> list[str]:
    """The command line of a contender."""
    if CONTENDERS[contender].is_go:
        return [str(go_peer.build()), json.dumps(job._asdict())]
    return [sys.executable, "-m", "tests.bench.contend", contender, json.dumps(job._asdict())]


def median(costs: Sequence[Figures], key: str) -> float:
    """The median of one figure."""
    return statistics.median(cost[key] for cost in costs)


def ratio(results: Results, label: str, against: str, key: str = "cpu_us") -> float:
    """The median of the rounds' ratios: what slows down one round slows down both."""
    pairs = zip(results[label], results[against], strict=True)
    return statistics.median(cost[key] / other[key] for cost, other in pairs)


def table(cases: Sequence[Case], results: Results, heading: str) -> str:
    """The medians, their spread, and the ratios, as Markdown; the start is no part of an event's cost."""
    lines = [
        f"| {heading} | CPU µs an event | min to max | ratio | events/s | RSS MB | start, CPU s |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for case in cases:
        costs = results[case.label]
        cpu = [cost["cpu_us"] for cost in costs]
        lines.append(
            f"| {case.label} | {median(costs, 'cpu_us'):.1f} | {min(cpu):.1f} to {max(cpu):.1f} "
            f"| {ratio(results, case.label, case.against):.2f} | {median(costs, 'per_second'):,.0f} "
            f"| {median(costs, 'rss_mb'):.0f} | {median(costs, 'start_cpu_s'):.2f} |"
        )
    return "\n".join(lines)


def say(line: str) -> None:
    """Tell of the progress."""
    load = os.getloadavg()[0]
    print(f"{line}  (load {load:.1f})", file=sys.stderr, flush=True)
