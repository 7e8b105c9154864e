"""The conductor: brings the faults of a schedule about, then waits until the system is quiet.

The rule: each fault is undone by the one who brought it about, in a thread of its own; a slot suffers one
at a time. What should have gone well and did not is a violation, not an accident.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

from tests.chaos.checker import Violation
from tests.chaos.fitness import Baseline
from tests.chaos.fleet import DRAIN, TIERS, Worker
from tests.chaos.logs import deed
from tests.chaos.operator import Operator
from tests.chaos.schedule import Fault
from tests.chaos.world import World
from tests.support.broker import Broker
from tests.support.kafka import wait_until
from worker.adapters.kafka import admin_config
from worker.adapters.kafka.growing import grow

QUIET_WITHIN = 60.0
EMPTY_WITHIN = 20.0
# Of a deploy that starts a new worker first: seconds until the old one has to go.
JOINS = (0.3, 2.5)
POISON_RUN = 300
"""Clicks in a row that never get anything but a 500."""
BUSY_SHARE = 0.01
BACK = 150
"""Records that an operator sets an offset back by."""
LONGER = 50
"""Records that a log that was made again has more than the old one."""
PASSED_BY, KEPT = 400, 30
"""Records that wait in a partition, and how many of them its retention leaves."""


class Conductor:
    """Conducts one run in a world, with `slots` workers."""

    def __init__(self, world: World, broker: Broker, slots: int) -> None:
        self._world = world
        self._broker = broker
        self._slots = slots
        self._workers: dict[int, Worker] = {}
        self._busy = {slot: threading.Lock() for slot in range(1, slots + 2)}
        self._operator = Operator(world)
        self._broker_busy = threading.Lock()
        self._partner_busy = threading.Lock()
        self._fresh = Baseline()
        self._deeds: dict[str, Callable[[Fault], None]] = {
            "kill": self._kill,
            "stop": self._stop,
            "term": self._term,
            "rolling deploy": self._roll,
            "slow deploy": self._roll_slowly,
            "slow replacement": self._replace_slowly,
            "worker added": self._add_worker,
            "broker kill": self._kill_broker,
            "broker restart": self._restart_broker,
            "broker stop": self._stop_broker,
            "partitions added": self._add_partitions,
            "poison run": self._publish_poison,
            "busy clicks": self._be_busy,
            "source re-made, longer": self._remake_longer,
            "source re-made, shorter": self._remake_source,
            "tier re-made": self._remake_tier,
            "dead letters re-made": self._remake_dead_letters,
            "offsets set": self._set_offsets,
            "offsets edited": self._edit_offsets,
            "offsets deleted": self._delete_offsets,
            "log truncated": self._cut_logs,
            "retention passed": self._pass_by,
        }
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
            self.violations.extend(self._fresh.compare(worker))

    def leave(self) -> None:
        """End the workers in good order."""
        self._each(self._leave)

    # --- faults --------------------------------------------------------------------------------

    def _bring_about(self, fault: Fault) -> None:
        try:
            self._deeds.get(fault.kind, self._disturb_partner)(fault)
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

    def _roll_slowly(self, fault: Fault) -> None:
        with self._mood("slower"):
            for number in range(self._slots):
                self._replace(fault._replace(slot=number))

    def _replace_slowly(self, fault: Fault) -> None:
        with self._mood("slower"):
            self._replace(fault)

    def _replace(self, fault: Fault) -> None:
        """Replace a worker by a new one that joins first."""
        with self._slot(fault.slot) as slot:
            old, self._workers[slot] = self._workers[slot], self._world.fleet.start(slot)
            time.sleep(random.Random(fault.at + fault.slot).uniform(*JOINS))
            self._leave(old)
            self._workers[slot].await_ready()

    def _add_worker(self, fault: Fault) -> None:
        with self._busy[self._slots + 1]:
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
        with self._mood(fault.kind):
            time.sleep(fault.length)

    def _publish_poison(self, fault: Fault) -> None:
        with self._broker_busy:
            names = [f"run{number}-never" for number in range(POISON_RUN)]
            self._world.publish(names, fault.slot)

    def _be_busy(self, fault: Fault) -> None:
        self._world.stream.busy = BUSY_SHARE
        time.sleep(fault.length)
        self._world.stream.busy = 0.0

    # --- an operator's deeds -------------------------------------------------------------------

    def _remake_longer(self, _fault: Fault) -> None:
        with self._broker_busy:
            self._operator.fill(self._operator.remake(self._world.names.topic), LONGER)

    def _remake_source(self, _fault: Fault) -> None:
        with self._broker_busy:
            self._operator.remake(self._world.names.topic)

    def _remake_tier(self, fault: Fault) -> None:
        with self._broker_busy:
            self._operator.remake(self._world.names.tier(TIERS[fault.slot % len(TIERS)]))

    def _remake_dead_letters(self, _fault: Fault) -> None:
        with self._broker_busy:
            self._operator.remake(self._world.names.dlq)

    def _set_offsets(self, _fault: Fault) -> None:
        with self._broker_busy, self._nobody(self._leave):
            self._operator.set_offsets(BACK)

    def _edit_offsets(self, fault: Fault) -> None:
        """Amid work that is slow, so that the metadata has something to tell."""
        with self._mood("slow"), self._broker_busy:
            time.sleep(fault.length)
            with self._nobody(Worker.kill):
                self._operator.edit_offsets(BACK)

    def _delete_offsets(self, _fault: Fault) -> None:
        with self._broker_busy, self._nobody(self._leave):
            self._operator.delete_offsets()

    def _cut_logs(self, _fault: Fault) -> None:
        with self._broker_busy:
            self._operator.cut_logs(self._broker)

    def _pass_by(self, fault: Fault) -> None:
        """While the partner is away, so that much has not been read yet."""
        with self._mood("outage"), self._broker_busy:
            time.sleep(fault.length)
            names = [f"passed{number}" for number in range(PASSED_BY)]
            self._world.publish(names, fault.slot)
            self._operator.pass_by(self._world.names.topic, fault.slot, KEPT)

    # --- parts ---------------------------------------------------------------------------------

    @contextmanager
    def _mood(self, mode: str) -> Iterator[None]:
        """Have the partner in this mood within."""
        with self._partner_busy:
            self._world.partner(mode, share=0.3)
            try:
                yield
            finally:
                self._world.partner()

    @contextmanager
    def _nobody(self, end: Callable[[Worker], object]) -> Iterator[None]:
        """End all workers; within, the groups have no members. Then start all again."""
        with ExitStack() as claimed:
            for lock in self._busy.values():
                claimed.enter_context(lock)
            self._each(end)
            wait_until("the groups are empty", self._world.is_deserted, EMPTY_WITHIN)
            yield
            self.start()

    def _each(self, do: Callable[[Worker], object]) -> None:
        """Do something to all workers at once."""
        with ThreadPoolExecutor() as threads:
            list(threads.map(do, self._workers.values()))

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
        self._fresh.note(self._workers.values())

    def _all_idle(self) -> bool:
        return all(_is_idle(worker) for worker in self._workers.values())

    def _complain(self, kind: str, subject: str, evidence: str) -> None:
        self.violations.append(Violation(kind, subject, evidence))


def _is_idle(worker: Worker) -> bool:
    metrics = worker.metrics()
    held = [value for name, value in metrics.items() if name.startswith("postback_outstanding")]
    return "postback_in_flight" in metrics and metrics["postback_in_flight"] == 0 and not any(held)
