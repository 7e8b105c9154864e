"""How long an event takes from its producing to its request at the partner, beside a request sent at once.

The rule: both are begun by one process and stamped by one partner; the way through the broker is in it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from typing import NamedTuple

from tests.bench.plots import draw
from tests.bench.rounds import command, make_case, median, run_rounds, say
from tests.bench.traffic import PROBES, Traffic
from tests.bench.world import Backlog, Stamps, sink, stamping_sink
from tests.support.svg import Bar, Group

SUBJECTS = ("worker", "script-batch", "faststream-batch")
RATE = 100.0
SECONDS = 30.0
SETTLING = 3.0
"""Seconds after the first delivery that are not counted: what had gathered while the group was joined."""
PARTITIONS = 8
LINGER = 5.0
"""Milliseconds that the producer gathers a batch at a high rate, the library's default; at RATE none."""
FOREVER = 1_000_000_000


class Delays(NamedTuple):
    """Milliseconds from the beginning to the partner, or to the broker's acknowledgement."""

    name: str
    values: list[float]

    def at(self, share: float) -> float:
        """A percentile."""
        return statistics.quantiles(self.values, n=1000, method="inclusive")[round(share * 1000) - 1]


def measure(bootstrap: str, given: argparse.Namespace) -> None:
    """From produce to the request at the partner: p50, p99 at 100 events/s and at half of the capacity."""
    rates = ((RATE, SUBJECTS), (_capacity(bootstrap, given) / 2, ("worker",)))
    groups: list[Group] = []
    print("| from produce to the request at the partner, ms | p50 | p90 | p99 | highest | events |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for rate, subjects in rates:
        found = [delays for name in subjects for delays in run(bootstrap, name, rate)]
        for delays in found:
            print(f"| {delays.name}, {rate:,.0f}/s {row(delays)}", flush=True)
        groups.append(
            Group(f"{rate:,.0f} events/s", [bar for delays in found for bar in _bars(delays)], True)
        )
    if given.plots:
        draw("From produce to the request at the partner, ms", groups, "delays", given.plots)


def run(bootstrap: str, name: str, rate: float) -> list[Delays]:
    """Measure one subject at one rate: its delays, the acknowledgements', and those of requests at once."""
    backlog = Backlog.make(bootstrap, PARTITIONS, 0)
    with stamping_sink() as (to, ask):
        case = make_case(name, name, to, backlog, FOREVER, name)
        backlog.make_tiers(case.job.group)
        with subprocess.Popen(command(name, case.job)) as subject:
            try:
                traffic = _traffic(bootstrap, backlog.topic, to.base, rate)
            finally:
                subject.kill()
        stamps = ask()
    since = min(at for number, at in stamps.items() if number < PROBES) + SETTLING
    say(f"  {name} at {rate:,.0f}/s: {len(traffic.events)} produced")
    acknowledged = dict(enumerate(traffic.acknowledged))
    probes = {number - PROBES: at for number, at in stamps.items() if number >= PROBES}
    return [
        _delays(name, traffic.events, stamps, since),
        _delays(f"beside {name}: acknowledged by the broker", traffic.events, acknowledged, since),
        _delays(f"beside {name}: a request sent at once", traffic.probes, probes, since),
    ]


def row(delays: Delays) -> str:
    """The cells of a table's row."""
    figures = [*(delays.at(share) for share in (0.5, 0.9, 0.99)), max(delays.values)]
    cells = " | ".join(f"{figure:.1f}" for figure in figures)
    return f"| {cells} | {len(delays.values):,} |"


def _capacity(bootstrap: str, given: argparse.Namespace) -> float:
    """Events/s of the worker on a backlog."""
    backlog = Backlog.make(bootstrap, PARTITIONS, given.events)
    with sink() as to:
        case = make_case("capacity", "worker", to, backlog, given.events, "capacity")
        return median(run_rounds([case], given.rounds)["capacity"], "per_second")


def _delays(name: str, began: list[float], ended: Stamps, since: float) -> Delays:
    counted = [(number, at) for number, at in enumerate(began) if at >= since]
    found = [(ended[number] - at) * 1e3 for number, at in counted if number in ended]
    # The last ones may be on their way when the subject is ended.
    if len(found) < 0.95 * len(counted):
        say(f"  {name} can't keep up here: {len(counted) - len(found)} of {len(counted)} were still to come")
    return Delays(name, found)


def _traffic(bootstrap: str, topic: str, base: str, rate: float) -> Traffic:
    linger = LINGER if rate > RATE else 0.0
    arguments = [bootstrap, topic, base, *(str(number) for number in (rate, SECONDS, linger))]
    made = subprocess.run(
        [sys.executable, "-m", "tests.bench.traffic", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Traffic(*json.loads(made.stdout))


def _bars(delays: Delays) -> list[Bar]:
    colour = 1 if delays.name.startswith("beside") else 0
    return [
        Bar(f"{delays.name}, p{share * 100:.0f}", delays.at(share), colour=colour) for share in (0.5, 0.99)
    ]
