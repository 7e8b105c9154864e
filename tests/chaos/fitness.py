"""What a worker uses, beside what it used when it was fresh: memory, descriptors, threads.

The rule: growth beyond its bound is a violation, however well the rest went.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.chaos.fleet import CONCURRENCY, Worker
from tests.chaos.violations import Violation

MOST_BYTES, MOST_DESCRIPTORS, MOST_THREADS = 120 * 1024 * 1024, 8, 4
"""What a worker may have grown by since it was fresh, beside its lanes. Records are held up to a bound."""


def may_grow_by(destinations: int) -> dict[str, int]:
    """What a worker of so many destinations may have grown by: each lane of each keeps an idle connection."""
    lanes = destinations * CONCURRENCY
    return {"memory": MOST_BYTES, "descriptors": MOST_DESCRIPTORS + lanes, "threads": MOST_THREADS}


class Baseline:
    """The most that any fresh worker of so many destinations used."""

    def __init__(self, destinations: int) -> None:
        self._more = may_grow_by(destinations)
        self._fresh: dict[str, float] = {}

    def note(self, workers: Iterable[Worker]) -> None:
        """Note what these use: they are fresh."""
        for worker in workers:
            for name, value in _uses(worker).items():
                self._fresh[name] = max(self._fresh.get(name, 0.0), value)

    def compare(self, worker: Worker) -> Iterator[Violation]:
        """Tell what a worker has grown by too much, or that it has ended."""
        if worker.code is not None:
            yield Violation("ended by itself", worker.name, f"with {worker.code}")
            return
        now = _uses(worker)
        for name, more in self._more.items():
            if now[name] > self._fresh[name] + more:
                yield Violation(
                    "grown", worker.name, f"{name}: {now[name]:.0f}, {self._fresh[name]:.0f} when fresh"
                )


def _uses(worker: Worker) -> dict[str, float]:
    with worker.resources.oneshot():
        used = worker.resources
        return {
            "memory": float(used.memory_info().rss),
            "descriptors": float(used.num_fds()),
            "threads": float(used.num_threads()),
        }
