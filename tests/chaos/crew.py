"""The workers of a run, in slots: each is claimed by whoever brings a fault upon it, one at a time.

The rule: what should have gone well and did not is a violation, not an accident.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

from tests.chaos.fitness import Baseline
from tests.chaos.fleet import CLOSES_WITHIN, DRAIN, Worker
from tests.chaos.violations import Violation
from tests.chaos.world import World
from tests.support.kafka import wait_until

EMPTY_WITHIN = 20.0


class Crew:
    """The workers in slots 1 to `slots`; one more slot is for a worker that comes and goes."""

    def __init__(self, world: World, slots: int, complain: Callable[[Violation], None]) -> None:
        self._world = world
        self._slots = slots
        self._complain = complain
        self._busy = {slot: threading.Lock() for slot in range(1, slots + 2)}
        self._fresh = Baseline(len(world.networks))
        self.workers: dict[int, Worker] = {}

    def start(self) -> None:
        """Start a worker in each slot, and return when all are ready."""
        slots = list(range(1, self._slots + 1))
        self.workers = dict(zip(slots, self._world.start(*slots), strict=True))

    def start_one(self, slot: int) -> None:
        """Start a worker in a slot, and return when it is ready."""
        self.workers[slot] = self._world.fleet.start(slot)
        self.workers[slot].await_ready()

    def leave(self, worker: Worker) -> None:
        """End a worker in good order."""
        code = worker.leave()
        if code != 0:
            how = f"within {DRAIN:g} s and {CLOSES_WITHIN:g} more" if code is None else f"but with {code}"
            self._complain(Violation("no good end", worker.name, f"SIGTERM did not end it {how}"))

    def each(self, do: Callable[[Worker], object]) -> None:
        """Do something to all workers at once."""
        with ThreadPoolExecutor() as threads:
            list(threads.map(do, self.workers.values()))

    @contextmanager
    def slot(self, wanted: int) -> Iterator[int]:
        """Claim a slot that suffers nothing now, from the wanted one on; wait for one where there is none."""
        order = [(wanted + step) % self._slots + 1 for step in range(self._slots)]
        slot = next((slot for slot in order if self._busy[slot].acquire(blocking=False)), None)
        if slot is None:
            slot = order[0]
            self._busy[slot].acquire()
        try:
            self._revive(slot)
            yield slot
        finally:
            self._busy[slot].release()

    @contextmanager
    def guest(self) -> Iterator[Worker]:
        """A worker more than there are, which has left when the context ends."""
        with self._busy[self._slots + 1]:
            added = self._world.fleet.start(self._slots + 1)
            added.await_ready()
            yield added
            self.leave(added)

    @contextmanager
    def nobody(self, end: Callable[[Worker], object]) -> Iterator[None]:
        """End all workers; within, the groups have no members. Then start all again."""
        with ExitStack() as claimed:
            for lock in self._busy.values():
                claimed.enter_context(lock)
            self.each(end)
            wait_until("the groups are empty", self._world.is_deserted, EMPTY_WITHIN)
            yield
            self.start()

    def note_fresh(self) -> None:
        """Note what the workers use."""
        self._fresh.note(self.workers.values())

    def compare(self) -> None:
        """Complain of each worker that uses much more than one that is fresh, or that has ended."""
        for worker in self.workers.values():
            for violation in self._fresh.compare(worker):
                self._complain(violation)

    def is_idle(self) -> bool:
        """Whether no worker holds anything."""
        return all(_is_idle(worker) for worker in self.workers.values())

    def _revive(self, slot: int) -> None:
        """Start a slot anew whose worker has ended by itself, which it should not."""
        code = self.workers[slot].code
        if code is not None:
            self._complain(Violation("ended by itself", self.workers[slot].name, f"with {code}"))
            self.start_one(slot)


def _is_idle(worker: Worker) -> bool:
    metrics = worker.metrics()
    held = [value for name, value in metrics.items() if name.startswith("postback_outstanding")]
    in_flight = [value for name, value in metrics.items() if name.startswith("postback_in_flight")]
    return bool(in_flight) and not any(in_flight + held)
