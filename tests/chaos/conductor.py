"""The conductor: brings the faults of a schedule about, then waits until the system is quiet.

The rule: each fault is undone by the one who brought it about, in a thread of its own; a slot suffers one
at a time. What should have gone well and did not is a violation, not an accident.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tests.chaos.checker import Violation
from tests.chaos.fleet import DRAIN, Worker
from tests.chaos.logs import deed
from tests.chaos.schedule import Fault
from tests.chaos.world import World
from tests.support.broker import Broker
from tests.support.kafka import wait_until
from worker.adapters.kafka import admin_config
from worker.adapters.kafka.growing import grow

QUIET_WITHIN = 60.0
# What a worker may have grown by since it was fresh: bytes, descriptors, threads.
MORE_MEMORY, MORE_DESCRIPTORS, MORE_THREADS = 40 * 1024 * 1024, 8, 4
_CONCURRENCY = 32


class Conductor:
    """Conducts one run in a world, with `slots` workers."""

    def __init__(self, world: World, broker: Broker, slots: int) -> None:
        self._world = world
        self._broker = broker
        self._slots = slots
        self._workers: dict[int, Worker] = {}
        self._busy = {slot: threading.Lock() for slot in range(1, slots + 1)}
        self._broker_busy = threading.Lock()
        self._partner_busy = threading.Lock()
        self._baseline: dict[str, float] = {}
        self.violations: list[Violation] = []
        self.done: list[str] = []
        """The kinds of the faults that were brought about."""

    def start(self) -> None:
        """Start the workers, and note what they use when they are fresh."""
        slots = list(range(1, self._slots + 1))
        self._workers = dict(zip(slots, self._world.start(*slots), strict=True))

    def play(self, faults: Sequence[Fault]) -> None:
        """Bring the faults about, each at its time, and return when all are undone."""
        began = time.monotonic()
        threads = []
        for fault in faults:
            time.sleep(max(0.0, began + fault.at - time.monotonic()))
            thread = threading.Thread(target=self._bring_about, args=(fault,), name=fault.kind, daemon=True)
            thread.start()
            threads.append(thread)
        for thread in threads:
            thread.join()

    def settle(self) -> None:
        """Wait until nothing is left to do, and compare with what the workers used when they were fresh."""
        try:
            self._world.await_quiet(QUIET_WITHIN)
            wait_until("no worker holds anything", self._all_idle, 10.0)
        except AssertionError as error:
            self._complain("not quiet", "group", f"{error}; lag {self._world.lag()}")
            for worker in self._workers.values():
                worker.save_metrics()
        for worker in self._workers.values():
            self._compare(worker)

    def leave(self) -> None:
        """End the workers in good order."""
        for worker in self._workers.values():
            self._leave(worker)

    # --- faults --------------------------------------------------------------------------------

    def _bring_about(self, fault: Fault) -> None:
        deeds: dict[str, Callable[[Fault], None]] = {
            "kill": self._kill,
            "stop": self._stop,
            "term": self._term,
            "rolling deploy": self._roll,
            "worker added": self._add_worker,
            "broker kill": self._kill_broker,
            "broker restart": self._restart_broker,
            "broker stop": self._stop_broker,
            "partitions added": self._add_partitions,
        }
        try:
            deeds.get(fault.kind, self._disturb_partner)(fault)
            self.done.append(fault.kind)
        except Exception as error:  # whatever went wrong, the run must be judged
            self._complain("fault failed", fault.kind, repr(error))

    def _kill(self, fault: Fault) -> None:
        with self._slot(fault.slot) as slot:
            self._workers[slot].kill()
            time.sleep(fault.length)
            self._start(slot)

    def _stop(self, fault: Fault) -> None:
        with self._slot(fault.slot) as slot:
            self._workers[slot].stop()
            time.sleep(fault.length)
            self._workers[slot].resume()
            self._workers[slot].await_ready()

    def _term(self, fault: Fault) -> None:
        with self._slot(fault.slot) as slot:
            self._leave(self._workers[slot])
            time.sleep(fault.length)
            self._start(slot)

    def _roll(self, fault: Fault) -> None:
        for number in range(self._slots):
            self._term(fault._replace(slot=number))

    def _add_worker(self, fault: Fault) -> None:
        added = self._world.fleet.start(self._slots + 1)
        added.await_ready()
        time.sleep(fault.length)
        self._leave(added)

    def _kill_broker(self, fault: Fault) -> None:
        with self._broker_busy:
            self._world.deeds.write(deed("kill", "broker"))
            self._broker.kill()
            time.sleep(fault.length)
            self._broker.start()
            self._world.deeds.write(deed("up", "broker"))

    def _restart_broker(self, _fault: Fault) -> None:
        with self._broker_busy:
            self._world.deeds.write(deed("kill", "broker"))
            self._broker.restart()
            self._world.deeds.write(deed("up", "broker"))

    def _stop_broker(self, fault: Fault) -> None:
        with self._broker_busy:
            self._world.deeds.write(deed("pause", "broker"))
            self._broker.pause()
            time.sleep(fault.length)
            self._broker.resume()
            self._world.deeds.write(deed("resume", "broker"))

    def _add_partitions(self, _fault: Fault) -> None:
        with self._broker_busy:
            more = self._world.partitions + 2
            self._world.deeds.write(deed(f"{more} partitions", self._world.names.topic))
            grow(admin_config(self._world.bootstrap, "chaos", {}), {self._world.names.topic: more})

    def _disturb_partner(self, fault: Fault) -> None:
        with self._partner_busy:
            self._world.partner(fault.kind, share=0.3)
            time.sleep(fault.length)
            self._world.partner()

    # --- parts ---------------------------------------------------------------------------------

    @contextmanager
    def _slot(self, wanted: int) -> Iterator[int]:
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

    def _revive(self, slot: int) -> None:
        """Start a slot anew whose worker has ended by itself, which it should not."""
        code = self._workers[slot].code
        if code is not None:
            self._complain("ended by itself", self._workers[slot].name, f"with {code}")
            self._start(slot)

    def _start(self, slot: int) -> None:
        self._workers[slot] = self._world.fleet.start(slot)
        self._workers[slot].await_ready()

    def _leave(self, worker: Worker) -> None:
        code = worker.leave()
        if code != 0:
            how = f"within {DRAIN:g} s and 25 more" if code is None else f"but with {code}"
            self._complain("no good end", worker.name, f"SIGTERM did not end it {how}")

    def note_fresh(self) -> None:
        """Note what the workers use."""
        for worker in self._workers.values():
            for name, value in _uses(worker).items():
                self._baseline[name] = max(self._baseline.get(name, 0.0), value)

    def _compare(self, worker: Worker) -> None:
        if worker.code is not None:
            self._complain("ended by itself", worker.name, f"with {worker.code}")
            return
        now = _uses(worker)
        for name, more in (
            ("memory", MORE_MEMORY),
            ("descriptors", MORE_DESCRIPTORS + _CONCURRENCY),  # an idle lane keeps its connection
            ("threads", MORE_THREADS),
        ):
            if now[name] > self._baseline[name] + more:
                grown = f"{name}: {now[name]:.0f}, {self._baseline[name]:.0f} when fresh"
                self._complain("grown", worker.name, grown)

    def _all_idle(self) -> bool:
        return all(_is_idle(worker) for worker in self._workers.values())

    def _complain(self, kind: str, subject: str, evidence: str) -> None:
        self.violations.append(Violation(kind, subject, evidence))


def _uses(worker: Worker) -> dict[str, float]:
    with worker.resources.oneshot():
        used = worker.resources
        return {
            "memory": float(used.memory_info().rss),
            "descriptors": float(used.num_fds()),
            "threads": float(used.num_threads()),
        }


def _is_idle(worker: Worker) -> bool:
    metrics = worker.metrics()
    held = [value for name, value in metrics.items() if name.startswith("postback_outstanding")]
    return "postback_in_flight" in metrics and metrics["postback_in_flight"] == 0 and not any(held)
