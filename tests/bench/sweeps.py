"""The conditions that are swept, one at a time, all else as in the table."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tests.bench.rounds import Case, make_case
from tests.bench.world import Backlog, sink

PARTITIONS = (1, 8, 64)
CONCURRENCY = (1, 16, 256, 1024, 4096)
LATENCY = 0.02
SMALL, LARGE = 10_000, 1_000_000


class Sweep(NamedTuple):
    """What is swept, and the cases."""

    heading: str
    cases: Sequence[Case]


@contextlib.contextmanager
def latency(bootstrap: str, events: int) -> Iterator[Sweep]:
    """A partner that answers at once, and one that takes 20 ms."""
    backlog = Backlog.make(bootstrap, 8, events)
    with sink() as quick, sink(LATENCY) as slow:
        cases = [
            make_case(f"{name}, {word}", name, to, backlog, events, f"bare, {word}")
            for word, to in (("0 ms", quick), ("20 ms", slow))
            for name in ("bare", "worker", "worker-session", "script-batch")
        ]
        yield Sweep("partner's latency", cases)


@contextlib.contextmanager
def partitions(bootstrap: str, events: int) -> Iterator[Sweep]:
    """The same backlog in one partition and in many; the worker reads seven tiers of as many beside it."""
    with sink() as to:
        cases = [
            make_case(
                f"worker, {_count(number, 'partition')}",
                "worker",
                to,
                Backlog.make(bootstrap, number, events),
                events,
                "worker, 1 partition",
            )
            for number in PARTITIONS
        ]
        yield Sweep("partitions", cases)


@contextlib.contextmanager
def backlog(bootstrap: str, events: int) -> Iterator[Sweep]:
    """Ten thousand events: all that there are, or the first of a million; and the whole million."""
    small, large = Backlog.make(bootstrap, 8, SMALL), Backlog.make(bootstrap, 8, LARGE)
    first = "worker, 10 thousand of 10 thousand"
    with sink() as to:
        cases = [
            make_case(first, "worker", to, small, SMALL, first),
            make_case("worker, 10 thousand of 1 million", "worker", to, large, SMALL, first),
            make_case("worker, 1 million of 1 million", "worker", to, large, LARGE, first),
        ]
        yield Sweep("backlog", cases)


@contextlib.contextmanager
def concurrency(bootstrap: str, events: int) -> Iterator[Sweep]:
    """From one request in flight to thousands."""
    made = Backlog.make(bootstrap, 8, events)
    with sink() as to:
        cases = [
            make_case(
                f"{name}, {number} in flight", name, to, made, events, f"bare, {number} in flight", number
            )
            for number in CONCURRENCY
            for name in ("bare", "worker")
        ]
        yield Sweep("requests in flight", cases)


@contextlib.contextmanager
def tls(bootstrap: str, events: int) -> Iterator[Sweep]:
    """Without TLS and with it."""
    made = Backlog.make(bootstrap, 8, events)
    with sink() as plain, sink(tls=True) as secret:
        cases = [
            make_case(f"{name}, {word}", name, to, made, events, f"bare, {word}")
            for word, to in (("plain", plain), ("TLS", secret))
            for name in ("bare", "worker")
        ]
        yield Sweep("TLS", cases)


SWEEPS = {
    "latency": latency,
    "partitions": partitions,
    "backlog": backlog,
    "concurrency": concurrency,
    "tls": tls,
}


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
