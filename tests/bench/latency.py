"""How long an event takes from its producing to its request at the partner, beside a request sent at once.

The rule: both are begun by one process and stamped by one partner; the way from broker and group is in it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

from tests.bench.plots import save
from tests.bench.rounds import command, make_case, median, run_rounds, say
from tests.bench.traffic import PROBES, Traffic
from tests.bench.world import Backlog, Sink, sink
from tests.support.svg import Bar, Group, bars

SUBJECTS = ("worker", "script-batch", "faststream-batch")
RATE = 100.0
SECONDS = 30.0
SETTLING = 3.0
"""Seconds after the first delivery that are not counted: what had gathered while the group was joined."""
PARTITIONS = 8
FOREVER = 1_000_000_000


class Delays(NamedTuple):
    """Milliseconds from the beginning to the partner."""

    name: str
    values: list[float]

    def at(self, share: float) -> float:
        """A percentile."""
        return statistics.quantiles(self.values, n=1000, method="inclusive")[round(share * 1000) - 1]


def measure(bootstrap: str, given: argparse.Namespace) -> None:
    """From produce to the request at the partner: p50, p99 at 100 events/s and at half of the capacity."""
    capacity = _capacity(bootstrap, given)
    groups = []
    print("| from produce to the request at the partner, ms | p50 | p90 | p99 | highest | events |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for rate, subjects in ((RATE, SUBJECTS), (capacity / 2, ("worker",))):
        found = [delays for name in subjects for delays in _run(bootstrap, name, rate)]
        for delays in found:
            print(f"| {delays.name}, {rate:,.0f}/s {_row(delays)}", flush=True)
        groups.append(
            Group(f"{rate:,.0f} events/s", [bar for delays in found for bar in _bars(delays)], True)
        )
    if given.plots:
        save(bars("From produce to the request at the partner, ms", groups), "delays", given.plots)


def _capacity(bootstrap: str, given: argparse.Namespace) -> float:
    """Events/s of the worker on a backlog."""
    with sink() as to:
        backlog = Backlog.make(bootstrap, PARTITIONS, given.events)
        case = make_case("capacity", "worker", to, backlog, given.events, "capacity")
        return median(run_rounds([case], given.rounds)["capacity"], "per_second")


def _run(bootstrap: str, name: str, rate: float) -> list[Delays]:
    backlog = Backlog.make(bootstrap, PARTITIONS, 0)
    with _stamping_sink() as (to, stamps):
        case = make_case(name, name, to, backlog, FOREVER, name)
        backlog.make_tiers(case.job.group)
        with subprocess.Popen(command(name, case.job)) as subject:
            try:
                traffic = _traffic(bootstrap, backlog.topic, to.base, rate)
            finally:
                subject.kill()
        arrived = stamps()
    counted_from = min(at for number, at in arrived.items() if number < PROBES) + SETTLING
    say(f"  {name} at {rate:,.0f}/s: {len(traffic.events)} produced")
    return [
        _delays(name, traffic.events, arrived, 0, counted_from),
        _delays(f"a request sent at once, beside {name}", traffic.probes, arrived, PROBES, counted_from),
    ]


def _delays(name: str, began: list[float], arrived: dict[int, float], first: int, since: float) -> Delays:
    missing = [number for number, at in enumerate(began) if at >= since and number + first not in arrived]
    # The last ones may be on their way when the subject is ended.
    if len(missing) > len(began) / 100:
        raise SystemExit(f"{name}: {len(missing)} of {len(began)} never reached the partner")
    return Delays(
        name,
        [
            (arrived[number + first] - at) * 1e3
            for number, at in enumerate(began)
            if at >= since and number + first in arrived
        ],
    )


def _traffic(bootstrap: str, topic: str, base: str, rate: float) -> Traffic:
    arguments = [bootstrap, topic, base, str(rate), str(SECONDS)]
    made = subprocess.run(
        [sys.executable, "-m", "tests.bench.traffic", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Traffic(*json.loads(made.stdout))


@contextlib.contextmanager
def _stamping_sink() -> Iterator[tuple[Sink, Stamps]]:
    command_line = [sys.executable, "-m", "tests.bench.sink", "--stamp"]
    with subprocess.Popen(command_line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Sink(f"http://127.0.0.1:{int(process.stdout.readline())}", os.environ), Stamps(process)
        finally:
            process.kill()


class Stamps:
    """Asks a sink when each event first arrived; it ends with that."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self) -> dict[int, float]:
        """End it, and return the moments by number."""
        said, _ = self._process.communicate(timeout=60)
        return {int(number): at for number, at in json.loads(said).items()}


def _row(delays: Delays) -> str:
    figures = [delays.at(share) for share in (0.5, 0.9, 0.99)]
    cells = " | ".join(f"{figure:.1f}" for figure in [*figures, max(delays.values)])
    return f"| {cells} | {len(delays.values):,} |"


def _bars(delays: Delays) -> list[Bar]:
    colour = 0 if delays.name == "worker" else 1
    return [
        Bar(f"{delays.name}, p{share * 100:.0f}", delays.at(share), colour=colour) for share in (0.5, 0.99)
    ]
