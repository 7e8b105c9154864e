"""More than one core: workers in one group, each a process, beside a single one on the same backlog.

The rule: all are counted over the same seconds, and only while each has work.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time

from tests.bench.job import Figures
from tests.bench.rounds import command, make_case, say
from tests.bench.world import Backlog, sink

PROCESSES = (1, 2)
JOINING = 8.0
"""Seconds that the members have to find each other."""


def measure(bootstrap: str, given: argparse.Namespace) -> None:
    """One worker, then two in a group: events/s and CPU for each event, with a partner of 0 and 20 ms."""
    backlog = Backlog.make(bootstrap, 8, given.events)
    print("| processes | partner | events/s | CPU µs an event | RSS MB each |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for latency in (0.0, 0.02):
        for number in PROCESSES:
            runs = sorted((_run(backlog, number, latency) for _ in range(given.rounds)), key=_per_second)
            costs = runs[len(runs) // 2]
            cpu = sum(cost["cpu_us"] * cost["events"] for cost in costs) / sum(
                cost["events"] for cost in costs
            )
            memory = max(cost["rss_mb"] for cost in costs)
            rate = _per_second(costs)
            print(
                f"| {number} | {latency * 1e3:.0f} ms | {rate:,.0f} | {cpu:.1f} | {memory:.0f} |",
                flush=True,
            )


def _per_second(costs: list[Figures]) -> float:
    return sum(cost["per_second"] for cost in costs)


def _run(backlog: Backlog, number: int, latency: float) -> list[Figures]:
    with sink(latency) as to:
        case = make_case("", "worker", to, backlog, 1, "")
        backlog.make_tiers(case.job.group)
        job = case.job._replace(begin=time.monotonic() + JOINING)
        started = [
            subprocess.Popen(command("worker", job), env=case.environment, stdout=subprocess.PIPE, text=True)
            for _ in range(number)
        ]
        said = [process.communicate(timeout=120)[0] for process in started]
    backlog.forget(case.job.group)
    costs: list[Figures] = [json.loads(one.splitlines()[-1]) for one in said]
    say(f"  {number} processes: {[round(cost['per_second']) for cost in costs]}")
    return costs
