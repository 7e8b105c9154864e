"""The conductor: brings the faults of a schedule about, then waits until the system is quiet.

The rule: each fault is undone by the one who brought it about, in a thread of its own. What concerns the
partner, the broker or its topics, and the workers is claimed in this order.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from tests.chaos.crew import Crew
from tests.chaos.fleet import TIERS, Worker
from tests.chaos.logs import deed
from tests.chaos.operator import Operator
from tests.chaos.schedule import Fault
from tests.chaos.violations import Violation
from tests.chaos.world import World
from tests.support.broker import Broker
from tests.support.kafka import wait_until

QUIET_WITHIN = 180.0
LITTLE, CALM_WITHIN = 200, 20.0
TRICKLE, TRICKLE_EVERY = 12, 3.0
"""Events that still come in while it is waited for quiet, and every so many seconds."""
# Of a deploy that starts a new worker first: seconds until the old one has to go.
JOINS = (0.3, 2.5)
POISON_RUN = 200
"""Clicks in a row that never get anything but a 500."""
BUSY_SHARE = 0.01
BACK = 150
"""Records that an operator sets an offset back by."""
LONGER = 50
"""Records that a log that was made again has more than the old one."""
PASSED_BY, KEPT = 800, 30
"""Records in each of two bursts, each more than a worker reads, and how many of them retention leaves."""


class Conductor:
    """Conducts one run in a world, with `slots` workers."""

    def __init__(self, world: World, broker: Broker, slots: int) -> None:
        self._world = world
        self._broker = broker
        self._slots = slots
        self.violations: list[Violation] = []
        self._crew = Crew(world, slots, self.violations.append)
        self._operator = Operator(world)
        self._broker_busy = threading.Lock()
        self._partner_busy = threading.Lock()
        self._trickle, self._came_in = 0, float("-inf")
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
        self.done: list[str] = []
        """The kinds of the faults that were brought about."""

    def start(self) -> None:
        """Start the workers."""
        self._crew.start()

    def note_fresh(self) -> None:
        """Note what the workers use: they are fresh."""
        self._crew.note_fresh()

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
            wait_until("lag 0", self._is_quiet, QUIET_WITHIN)
            wait_until("no worker holds anything", self._crew.is_idle, 10.0)
        except AssertionError as error:
            self._complain("not quiet", "group", f"{error}; lag {self._world.lag()}")
            self._crew.each(Worker.save_metrics)
        self._crew.compare()

    def leave(self) -> None:
        """End the workers in good order."""
        self._crew.each(self._crew.leave)

    # --- faults --------------------------------------------------------------------------------

    def _bring_about(self, fault: Fault) -> None:
        try:
            self._deeds.get(fault.kind, self._disturb_partner)(fault)
            self.done.append(fault.kind)
        except Exception as error:  # whatever went wrong, the run must be judged
            self._complain("fault failed", fault.kind, repr(error))

    def _kill(self, fault: Fault) -> None:
        with self._crew.slot(fault.slot) as slot:
            self._crew.workers[slot].kill()
            time.sleep(fault.length)
            self._crew.start_one(slot)

    def _stop(self, fault: Fault) -> None:
        with self._crew.slot(fault.slot) as slot:
            self._crew.workers[slot].stop()
            time.sleep(fault.length)
            self._crew.workers[slot].resume()
            self._crew.workers[slot].await_ready()

    def _term(self, fault: Fault) -> None:
        with self._crew.slot(fault.slot) as slot:
            self._crew.leave(self._crew.workers[slot])
            time.sleep(fault.length)
            self._crew.start_one(slot)

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
        with self._crew.slot(fault.slot) as slot:
            old, self._crew.workers[slot] = self._crew.workers[slot], self._world.fleet.start(slot)
            time.sleep(random.Random(fault.at + fault.slot).uniform(*JOINS))
            self._crew.leave(old)
            self._crew.workers[slot].await_ready()

    def _add_worker(self, fault: Fault) -> None:
        with self._crew.guest():
            time.sleep(fault.length)

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
            wait_until("more partitions", lambda: self._operator.grow(more), QUIET_WITHIN)

    def _disturb_partner(self, fault: Fault) -> None:
        names = [network.name for network in self._world.networks]
        with self._mood(fault.kind, random.Random(fault.at).choice(names)):
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
        self._await_calm()
        with self._broker_busy:
            self._operator.fill(self._operator.remake(self._world.names.topic), LONGER)

    def _remake_source(self, _fault: Fault) -> None:
        self._await_calm()
        with self._broker_busy:
            self._operator.remake(self._world.names.topic)

    def _remake_tier(self, fault: Fault) -> None:
        with self._broker_busy:
            self._operator.remake(self._world.names.tier(TIERS[fault.slot % len(TIERS)]))

    def _remake_dead_letters(self, _fault: Fault) -> None:
        with self._broker_busy:
            self._operator.remake(self._world.names.dlq)

    def _set_offsets(self, _fault: Fault) -> None:
        with self._broker_busy, self._crew.nobody(self._crew.leave):
            self._operator.set_offsets(BACK)

    def _edit_offsets(self, fault: Fault) -> None:
        """Amid work that is slow, so that the metadata has something to tell."""
        with self._mood("slow"), self._broker_busy:
            time.sleep(fault.length)
            with self._crew.nobody(Worker.kill):
                self._operator.edit_offsets(BACK)

    def _delete_offsets(self, _fault: Fault) -> None:
        with self._broker_busy, self._crew.nobody(self._crew.leave):
            self._operator.delete_offsets()

    def _cut_logs(self, _fault: Fault) -> None:
        self._await_calm()
        with self._broker_busy:
            self._operator.cut_logs(self._broker)

    def _pass_by(self, fault: Fault) -> None:
        """While the partner is away, and a worker holds all that it may of the partition."""
        with self._mood("outage"), self._broker_busy:
            for burst in range(2):
                names = [f"passed{burst}-{number}" for number in range(PASSED_BY)]
                self._world.publish(names, fault.slot)
                time.sleep(fault.length)
            self._operator.pass_by(self._world.names.topic, fault.slot, KEPT)

    # --- parts ---------------------------------------------------------------------------------

    @contextmanager
    def _mood(self, mode: str, whom: str | None = None) -> Iterator[None]:
        """Have the partner of one network, or all, in this mood within."""
        with self._partner_busy:
            self._world.partner(mode, whom, share=0.3)
            try:
                yield
            finally:
                self._world.partner()

    def _await_calm(self) -> None:
        """Wait until little is left to do, though not for long: what lies unread in a log goes with it."""
        with suppress(AssertionError):
            wait_until("little is left", lambda: self._world.lag() < LITTLE, CALM_WITHIN)

    def _is_quiet(self) -> bool:
        """Whether nothing is left to do; while there is, a few events come in, as they do in a shop.

        Where clicks that never get a 200 are all that is left, a circuit may rightly stay open.
        """
        if not self._world.lag():
            return True
        if time.monotonic() > self._came_in + TRICKLE_EVERY:
            self._came_in = time.monotonic()
            self._trickle += 1
            self._world.publish([f"late{self._trickle}-{number}" for number in range(TRICKLE)])
        return False

    def _complain(self, kind: str, subject: str, evidence: str) -> None:
        self.violations.append(Violation(kind, subject, evidence))
