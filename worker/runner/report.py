"""What a run shows to the outside: a snapshot of its figures, and why it is not ready.

The rule: it only reads what others know.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from worker.core.journal_rest import WARMING
from worker.ports import NOT_READ_YET, Clock, Snapshot, Source
from worker.runner.delivery import Delivery
from worker.runner.drain import Drain, Phase
from worker.runner.intake import Intake
from worker.runner.scaling import Scaling
from worker.runner.silence import SilenceWatch
from worker.runner.standing_orders import StandingOrders
from worker.runner.state import barred_lines, not_begun_lines, overdue_by_tier, partition_state, warming_lines


class Watches(NamedTuple):
    """What looks at a run now and then."""

    silence: SilenceWatch
    scaling: Scaling
    orders: StandingOrders


class RunReport:
    """The report of one destination's run."""

    def __init__(
        self,
        source: Source,
        intake: Intake,
        delivery: Delivery,
        drain: Drain,
        watches: Watches,
        clock: Clock,
    ) -> None:
        self._source = source
        self._intake = intake
        self._delivery = delivery
        self._drain = drain
        self._silence, self._scaling, self._orders = watches
        self._clock = clock

    def snapshot(self) -> Snapshot:
        """Describe the run at this moment."""
        now = self._clock.now()
        marks = self._source.watermarks()
        partitions = self._intake.partitions.values()
        gate, copies = self._delivery.gate, self._delivery.copies
        return Snapshot(
            in_flight=gate.in_flight,
            limit=gate.limit.value,
            circuit=gate.circuit.state,
            paused=sum(partition.resting for partition in partitions),
            partitions=tuple(partition_state(one, marks.get(one.at), now) for one in partitions),
            overdue=overdue_by_tier(partitions, now),
            stopped=len(self._source.stops()),
            barred=sum(partition.barred is not None for partition in partitions),
            outage=self._delivery.lanes.outage,
            silent=self._silence.silent,
            held=self._delivery.held(),
            remembered=copies.ids.remembered(now) if copies else None,
            forgotten=copies.ids.forgotten if copies else 0,
            workers_wanted=self._scaling.wanted.value,
        )

    def silent_partitions(self) -> Iterable[str]:
        """Say which partitions have records and give none, one line each."""
        return (silence.steady for silence in self._silence.silent)

    def reasons_of_a_start(self) -> Iterable[str]:
        """Say which of these lines each start has for a while."""
        yield from self._not_joined()
        yield NOT_READ_YET
        yield from warming_lines(one for one in self._intake.partitions.values() if one.warming == WARMING)

    def reasons_not_ready(self) -> Iterable[str]:
        """Why this worker is not ready, one line each; empty if it is."""
        if self._drain.phase is not Phase.WORKING:
            yield "draining"
        yield from self._not_joined()
        yield from not_begun_lines(self._source.not_begun())
        yield from self._orders.reasons_not_ready()
        yield from map(str, self._source.stops())
        yield from barred_lines(self._intake.partitions.values())
        yield from warming_lines(self._intake.partitions.values())
        journaling = self._delivery.journaling
        for topic, error in {
            **self._delivery.hand_over.refused,
            **(journaling.refused if journaling else {}),
        }.items():
            yield f"publishing to {topic} is refused: {error}"
        lanes = self._delivery.lanes
        if lanes.blocked:
            yield f"egress: {lanes.blocked}"
        shortage = lanes.shortage.reason(self._clock.monotonic())
        if shortage is not None:
            yield f"descriptors: {shortage}"

    def _not_joined(self) -> Iterable[str]:
        for group in self._source.not_joined():
            yield f"the consumer group {group} has not been joined yet"
