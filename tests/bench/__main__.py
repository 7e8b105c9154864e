"""`make bench`: interleaved rounds of the whole worker and what it is compared with, on a real broker.

The rule: no figure stands alone; each is a ratio to the bare aiohttp loop of the same run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tests.bench import go_peer, goals, isolation, latency, replicas
from tests.bench.contenders import CONTENDERS
from tests.bench.contenders.variants import FOLDED
from tests.bench.flame import draw_flame
from tests.bench.plots import draw, group
from tests.bench.rounds import Case, Results, make_case, run_case, run_rounds, table
from tests.bench.sweeps import SWEEPS
from tests.bench.world import Backlog, sink
from tests.support.broker import Broker

BASELINE = "bare"
CLOSEST = ("bare", "go", "worker", "no-journal")
"""Compared at each latency; the others where the partner takes no time, or some would need hours."""

DEFAULT = (
    "raw",
    *CLOSEST,
    "worker-session",
    "script-batch",
    "script-tasks",
    "script-one",
    "faststream-batch",
    "faststream-many",
    "faststream-one",
)

TAKING = ("bare", "one-alone", "one-of-several")
PASSING = ("only-reads", "passed-by-field", "passed-by-header", "passed-by-fallback")
"""Their costs are those of several destinations; what takes an event costs so much that fewer are enough."""

CPU = "CPU time for each event, µs (thin line: from least to most of the run)"

Given = argparse.Namespace


def compare(bootstrap: str, given: Given) -> None:
    """Compare contenders where partners are, at 20 ms, and at others: the worker, Go, scripts, the floor."""
    backlog = Backlog.make(bootstrap, 8, given.events)
    for milliseconds in given.latency:
        asked = given.names or (CLOSEST if milliseconds else DEFAULT)
        names = _that_can_run(dict.fromkeys([BASELINE, *asked]))
        with sink(milliseconds / 1000) as to:
            cases = [
                make_case(CONTENDERS[name].what, name, to, backlog, given.events, CONTENDERS[BASELINE].what)
                for name in names
            ]
            results = run_rounds(cases, given.rounds)
        plot = f"contenders-{milliseconds:g}ms" if milliseconds else "contenders"
        _tell(cases, results, plot, given, milliseconds)
        print(f"\n{goals.judge(results, milliseconds)}\n", flush=True)


def _that_can_run(names: Iterable[str]) -> list[str]:
    """Those of the contenders that are there; of the others it is said why not."""
    why = go_peer.missing() if any(CONTENDERS[name].is_go for name in names) else None
    if why is not None:
        print(f"left out, for {why}: {CONTENDERS['go'].what}\n", flush=True)
    return [name for name in names if why is None or not CONTENDERS[name].is_go]


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
    """What the journal costs: the worker without it, with it, and with what knows copies by it."""
    _variants(bootstrap, given, ("no-journal", "no-copies", "worker"), "journal")


def tracing(bootstrap: str, given: Given) -> None:
    """What tracing costs: the worker without, with the default share, and with each conversion traced."""
    _variants(bootstrap, given, ("worker", "traced", "traced-all"), "tracing")


def routing(bootstrap: str, given: Given) -> None:
    """What several destinations cost: the one that takes an event, and each that passes over it."""
    backlog = Backlog.make(bootstrap, 8, given.events, [("network", b"momentscience")])
    (milliseconds,) = given.latency
    with sink(milliseconds / 1000) as to:
        counts = dict.fromkeys(TAKING, given.events // 5) | dict.fromkeys(PASSING, given.events)
        cases = [
            make_case(CONTENDERS[name].what, name, to, backlog, count, CONTENDERS[TAKING[0]].what)
            for name, count in counts.items()
        ]
        results = run_rounds(cases, given.rounds)
    _tell(cases, results, "routing", given, milliseconds)
    print(f"\n{goals.judge_routing(results)}\n", flush=True)


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
    """Where the worker's CPU goes: functions, threads, a flame graph (in .cache/bench, or --plots DIR)."""
    backlog = Backlog.make(bootstrap, 8, given.events)
    (milliseconds,) = given.latency
    with sink(milliseconds / 1000) as to:
        case = make_case("profile", "profile", to, backlog, given.events, "profile")
        backlog.make_tiers(case.job.group)
        cost = run_case(case)
    print(f"{cost['cpu_us']:.1f} us/event while looked at")
    title = f"One worker, {given.events:,} events, a partner that takes {milliseconds:g} ms: its CPU time"
    graph = (given.plots or FOLDED.parent) / "worker-flame.svg"
    graph.parent.mkdir(parents=True, exist_ok=True)
    graph.write_text(draw_flame(FOLDED.read_text("utf-8"), title), "utf-8")
    print(f"{graph}: a flame graph")


def _variants(bootstrap: str, given: Given, names: Sequence[str], plot: str) -> Results:
    backlog = Backlog.make(bootstrap, 8, given.events)
    first = CONTENDERS[names[0]].what
    (milliseconds,) = given.latency
    with sink(milliseconds / 1000) as to:
        cases = [make_case(CONTENDERS[name].what, name, to, backlog, given.events, first) for name in names]
        results = run_rounds(cases, given.rounds)
    _tell(cases, results, plot, given, milliseconds)
    return results


def _tell(cases: Sequence[Case], results: Results, plot: str, given: Given, milliseconds: float) -> None:
    print(table(cases, results, f"what, 256 in flight, {milliseconds:g} ms"), flush=True)
    if given.plots:
        draw(CPU, [group("", cases, results)], plot, given.plots)


LATENCIES_MS = {"table": (20.0, 0.0, 5.0, 100.0), "journal": (20.0,), "profile": (20.0,)}
"""How long the partner takes, where it is not told; in the other commands no time."""

COMMANDS: dict[str, tuple[Callable[[str, Given], None], int, int]] = {
    # what it does, events, rounds
    "table": (compare, 200_000, 3),
    "sweeps": (sweep, 40_000, 3),
    "latency": (latency.measure, 20_000, 1),
    "guarantee": (guarantee, 50_000, 6),
    "journal": (journal, 50_000, 4),
    "tracing": (tracing, 50_000, 4),
    "replicas": (replicas.measure, 800_000, 3),
    "isolation": (isolation.measure, 6_000, 1),
    "routing": (routing, 400_000, 9),
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
        if name not in {"sweeps", "latency", "replicas", "isolation"}:
            most = "+" if name == "table" else 1
            usual = LATENCIES_MS.get(name, (0.0,))
            one.add_argument(
                *("--latency", "-l"),
                type=float,
                nargs=most,
                default=usual,
                metavar="MS",
                help=f"how long the partner takes; default {' '.join(format(ms, 'g') for ms in usual)}",
            )
        choices = {"table": list(CONTENDERS), "sweeps": list(SWEEPS)}.get(name)
        if choices:
            one.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(choices)}")
    given = parser.parse_args(arguments or ["table"])
    with Broker() as broker:
        COMMANDS[given.command][0](broker.bootstrap, given)


if __name__ == "__main__":
    main(sys.argv[1:])
