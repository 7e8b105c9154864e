"""Applies orders to held records: some end as cancelled, some become due at once.

The rules: each held record is checked once for the orders in force, before it can be sent. Records under way
are left to their ending; one that is given back without an ending is checked again. Meanwhile tiers are read
on as far as there is room.
"""

from __future__ import annotations

from collections.abc import Sequence

from worker.core.assigned_partition import AssignedPartition, PendingRecord
from worker.core.orders import CancelOrder, HurryOrder, described, is_meant
from worker.core.withdrawal import withdraw
from worker.pipeline import CompiledSettings, Pipeline
from worker.ports import Clock
from worker.runner.delivery import Delivery
from worker.runner.intake import Intake


class Interventions:
    """The interventions for one destination."""

    def __init__(self, compiled: CompiledSettings, intake: Intake, delivery: Delivery, clock: Clock) -> None:
        self._pipeline = Pipeline(compiled)
        self._intake, self._schedule = intake, intake.schedule
        self._delivery = delivery
        self._clock = clock
        self._orders: list[CancelOrder | HurryOrder] = []
        self._checked: dict[AssignedPartition, int] = {}
        """Up to which offset each partition was checked."""
        delivery.on_warm, delivery.on_held_again = self.look, self.look_again

    def stand(self, orders: Sequence[CancelOrder | HurryOrder]) -> None:
        """Apply these orders from now on, and no others."""
        if list(orders) == self._orders:
            return
        self._orders = list(orders)
        self._checked.clear()
        self.look()
        self._intake.seek(bool(orders))
        self._delivery.lanes.pump()

    def look(self) -> None:
        """Check held records that were not checked yet."""
        if not self._orders:
            return
        ours = list(self._intake.partitions.values())
        self._checked = {partition: self._checked.get(partition, -1) for partition in ours}
        for partition in ours:
            if partition.warming is None:  # otherwise it is unknown whether its records have ended already
                self._look_at(partition)

    def look_again(self, pending: PendingRecord) -> bool:
        """Check a record that would be held again after it was under way; return whether it has ended."""
        partition, now = pending.partition, self._clock.now()
        order = self._of(pending, now)
        if order is None:
            return False
        if partition.warming is not None:  # checked once its journal is read
            self._checked[partition] = min(self._checked.get(partition, -1), pending.record.offset - 1)
            return False
        self._do(order, pending, now)
        return True

    def _look_at(self, partition: AssignedPartition) -> None:
        checked, now = self._checked[partition], self._clock.now()
        new = [pending for pending in partition.waiting if pending.record.offset > checked]
        if not new:
            return
        self._checked[partition] = max(pending.record.offset for pending in new)
        meant = {
            pending.record.offset: order for pending in new if (order := self._of(pending, now)) is not None
        }
        if meant:
            for pending in withdraw(self._schedule, partition, meant, now):
                self._do(meant[pending.record.offset], pending, now)
            self._intake.rest(partition, now)

    def _of(self, pending: PendingRecord, now: float) -> CancelOrder | HurryOrder | None:
        """The order that applies to a record; None without one, or if it is due anyway."""
        partition = pending.partition
        on_tier, log = partition.tier is not None, partition.binding.log.topic_id
        for order in self._orders:
            if isinstance(order, HurryOrder) and pending.due <= now:
                continue
            if is_meant(order, pending.record, on_tier=on_tier, log=log):
                return order
        return None

    def _do(self, order: CancelOrder | HurryOrder, pending: PendingRecord, now: float) -> None:
        if isinstance(order, HurryOrder):
            self._schedule.give_back(pending._replace(due=now, at_once=True), now)
        else:
            on_tier = pending.partition.tier is not None
            ending = self._pipeline.cancelled(pending.record, on_tier, described(order), now)
            self._delivery.cancel(pending, ending, now)
