"""`make bench`: interleaved rounds of the whole worker and what it is compared with, on a real broker.

The rule: no figure stands alone; each is a ratio to the bare aiohttp loop of the same run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

from tests.bench.contenders import Job, make_event
from tests.support.broker import Broker
from tests.support.kafka import Write, create_topics, produce

BASELINE = "bare"
DEFAULT = ("raw", "bare", "worker", "worker-session", "naive")
ROUND_SECONDS = 300

Figures = dict[str, list[dict[str, float]]]


@contextlib.contextmanager
def sink(latency: float) -> Iterator[str]:
    """A sink in a process of its own; yields its URL."""
    command = [sys.executable, "-m", "tests.bench.sink", "--latency", str(latency)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def fill(bootstrap: str, topic: str, partitions: int, count: int) -> None:
    """Make the topic and its tiers, with `count` conversions."""
    create_topics(bootstrap, {topic: partitions})
    now = time.time()
    produce(
        bootstrap,
        topic,
        (Write(make_event(number, now), partition=number % partitions) for number in range(count)),
    )


def run_round(name: str, job: Job) -> dict[str, float]:
    """Run one contender once, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.contenders", name, json.dumps(job._asdict())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=ROUND_SECONDS, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-2000:]}")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def compare(
    bootstrap: str,
    names: Sequence[str],
    rounds: int,
    count: int,
    concurrency: int,
    partitions: int,
    latency: float,
) -> Figures:
    """Run all contenders in turn, `rounds` times; the first round warms up and is thrown away."""
    topic = f"bench-{partitions}-{count}-{time.time_ns()}"
    fill(bootstrap, topic, partitions, count)
    figures: Figures = {name: [] for name in names}
    with sink(latency) as base:
        for number in range(rounds + 1):
            for name in names:
                group = f"{topic}-{name}-{number}"
                job = Job(base, count, concurrency, bootstrap, topic, group)
                cost = run_round(name, job)
                if number:
                    figures[name].append(cost)
                    print(f"  round {number} {name:16} {cost['cpu_us']:7.1f} us/event", file=sys.stderr)
    return figures


def table(figures: Figures) -> str:
    """The medians, their spread, and the ratio to the baseline, as Markdown."""
    base = _median(figures[BASELINE], "cpu_us")
    lines = [
        "| what | CPU us/event | min to max | ratio | events/s | RSS MB |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, costs in figures.items():
        cpu = [cost["cpu_us"] for cost in costs]
        lines.append(
            f"| {name} | {statistics.median(cpu):.0f} | {min(cpu):.0f} to {max(cpu):.0f} "
            f"| {statistics.median(cpu) / base:.2f} | {_median(costs, 'per_second'):.0f} "
            f"| {_median(costs, 'rss_mb'):.0f} |"
        )
    return "\n".join(lines)


def _median(costs: Sequence[dict[str, float]], key: str) -> float:
    return statistics.median(cost[key] for cost in costs)


def main() -> None:
    """Run the comparison that the arguments ask for and print its table on stdout."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--concurrency", type=int, default=256)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that the partner takes")
    parser.add_argument("names", nargs="*", default=DEFAULT)
    given = parser.parse_args()
    names = list(dict.fromkeys([BASELINE, *given.names]))
    with Broker() as broker:
        figures = compare(
            broker.bootstrap,
            names,
            given.rounds,
            given.events,
            given.concurrency,
            given.partitions,
            given.latency,
        )
    print(table(figures))


if __name__ == "__main__":
    main()
