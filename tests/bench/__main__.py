"""`make bench`: interleaved rounds of the whole worker and what it is compared with, on a real broker.

The rule: no figure stands alone; each is a ratio to the bare aiohttp loop of the same run.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench import goals, isolation, latency, replicas
from tests.bench.contenders import CONTENDERS
from tests.bench.contenders.several import OTHERS
from tests.bench.plots import draw, group
from tests.bench.rounds import Case, Results, make_case, run_case, run_rounds, table
from tests.bench.sweeps import SWEEPS
from tests.bench.world import Backlog, sink
from tests.support.broker import Broker
from worker.core.record import Headers

BASELINE = "bare"
DEFAULT = (
    "raw",
    "bare",
    "worker",
    "worker-session",
    "script-batch",
    "script-tasks",
    "script-one",
    "faststream-batch",
    "faststream-many",
    "faststream-one",
)

CPU = "CPU time for each event, µs (thin line: from least to most of the run)"

Given = argparse.Namespace


def compare(bootstrap: str, given: Given) -> None:
    """Compare contenders: the worker, the bare loop, the usual scripts, FastStream, the floor."""
    names = dict.fromkeys([BASELINE, *(given.names or DEFAULT)])
    backlog = Backlog.make(bootstrap, 8, given.events)
    with sink() as to:
        cases = [
            make_case(CONTENDERS[name].what, name, to, backlog, given.events, CONTENDERS[BASELINE].what)
            for name in names
        ]
        results = run_rounds(cases, given.rounds)
    _tell(cases, results, "contenders", given)
    print(f"\n{goals.judge(results)}")


def sweep(bootstrap: str, given: Given) -> None:
    """Sweep one condition at a time: partner's latency, partitions, backlog, requests in flight, TLS."""
    groups = []
    for name in given.names or SWEEPS:
        with SWEEPS[name](bootstrap, given.events) as one:
            results = run_rounds(one.cases, given.rounds)
        print(f"\n{table(one.cases, results, one.heading)}", flush=True)
        groups.append(group(one.heading, one.cases, results))
    if given.plots:
        draw(CPU, groups, "sweeps", given.plots)


def guarantee(bootstrap: str, given: Given) -> None:
    """What safety costs: the worker with and without ledger, map and commits; and without metrics."""
    _variants(bootstrap, given, ("no-guarantee", "worker", "no-metrics"), "guarantee")


def journal(bootstrap: str, given: Given) -> None:
    """What the journal costs: the worker with and without it."""
    _variants(bootstrap, given, ("no-journal", "worker"), "journal")


def tracing(bootstrap: str, given: Given) -> None:
    """What tracing costs: the worker without, with the default share, and with each conversion traced."""
    _variants(bootstrap, given, ("worker", "traced", "traced-all"), "tracing")


def routing(bootstrap: str, given: Given) -> None:
    """What passing over an event costs each destination that does not take it."""
    names = ("one-of-several", "passed-by-field", "passed-by-header")
    results = _variants(bootstrap, given, names, "routing", [("network", b"momentscience")])
    alone, *others = (CONTENDERS[name].what for name in names)
    for label in others:
        more = [a["cpu_us"] - b["cpu_us"] for a, b in zip(results[label], results[alone], strict=True)]
        print(f"{label}: {statistics.median(more) / OTHERS:.1f} us for each event and destination")


def collections(bootstrap: str, given: Given) -> None:
    """What the garbage collection costs: as it is, without the freeze, more often, and off."""
    results = _variants(bootstrap, given, ("gc-as-is", "no-freeze", "gc-often", "gc-off"), "gc")
    for label, costs in results.items():
        spent = "; ".join(
            f"{cost['gc_us']:.2f} us, {cost['gc_full']:.0f} full, longest {cost['gc_longest_ms']:.1f}"
            for cost in costs[:3]
        )
        print(f"{label}: {spent}")


def profile(bootstrap: str, given: Given) -> None:
    """Where the worker's CPU goes: functions, threads; stacks for a flame graph go to .cache/bench."""
    backlog = Backlog.make(bootstrap, 8, given.events)
    with sink() as to:
        case = make_case("profile", "profile", to, backlog, given.events, "profile")
        backlog.make_tiers(case.job.group)
        cost = run_case(case)
    print(f"{cost['cpu_us']:.1f} us/event while looked at")


def _variants(
    bootstrap: str, given: Given, names: Sequence[str], plot: str, headers: Headers = ()
) -> Results:
    backlog = Backlog.make(bootstrap, 8, given.events, headers)
    first = CONTENDERS[names[0]].what
    with sink() as to:
        cases = [make_case(CONTENDERS[name].what, name, to, backlog, given.events, first) for name in names]
        results = run_rounds(cases, given.rounds)
    _tell(cases, results, plot, given)
    return results


def _tell(cases: Sequence[Case], results: Results, plot: str, given: Given) -> None:
    print(table(cases, results, "what, 256 in flight, no latency"), flush=True)
    if given.plots:
        draw(CPU, [group("", cases, results)], plot, given.plots)


COMMANDS: dict[str, tuple[Callable[[str, Given], None], int, int]] = {
    # what it does, events, rounds
    "table": (compare, 50_000, 3),
    "sweeps": (sweep, 40_000, 3),
    "latency": (latency.measure, 20_000, 1),
    "guarantee": (guarantee, 50_000, 6),
    "journal": (journal, 50_000, 4),
    "tracing": (tracing, 50_000, 4),
    "replicas": (replicas.measure, 800_000, 3),
    "isolation": (isolation.measure, 6_000, 1),
    "routing": (routing, 100_000, 4),
    "gc": (collections, 50_000, 4),
    "profile": (profile, 200_000, 1),
}


def main(arguments: Sequence[str]) -> None:
    """Run what the arguments ask for; tables go to stdout, progress to stderr."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (call, events, rounds) in COMMANDS.items():
        one = commands.add_parser(name, help=call.__doc__, description=call.__doc__)
        one.add_argument("--events", type=int, default=events, help=f"in the backlog; default {events:,}")
        one.add_argument("--rounds", type=int, default=rounds, help=f"beside the first; default {rounds}")
        one.add_argument("--plots", type=Path, metavar="DIR", help="draw the figures there, too")
        choices = {"table": list(CONTENDERS), "sweeps": list(SWEEPS)}.get(name)
        if choices:
            one.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(choices)}")
    given = parser.parse_args(arguments or ["table"])
    with Broker() as broker:
        COMMANDS[given.command][0](broker.bootstrap, given)


if __name__ == "__main__":
    main(sys.argv[1:])
