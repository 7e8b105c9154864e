"""The source's listener: takes up, drains and discards partitions, and takes their records.

The rules: a revoked partition is drained while it is still ours, then committed, then discarded, also while
the run ends; of a lost one nothing is committed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from worker.core.assigned_partition import AssignedPartition
from worker.core.place import Place
from worker.core.record import Partition, Record
from worker.core.start_offset import Start
from worker.core.unreadable import StoppedPartition
from worker.ports import Observer, PartitionAssignment, Positions
from worker.runner.claim_checks import ClaimChecks
from worker.runner.commits import read_positions
from worker.runner.copies import Copies
from worker.runner.drain import Drain, Phase
from worker.runner.intake import Intake
from worker.runner.lanes import Lanes
from worker.runner.remembered_offsets import GroupMemory
from worker.runner.standing_orders import StandingOrders


class Keepers(NamedTuple):
    """Those who look after our partitions: make sure of new ones, remember leaving ones, know our share.

    `copies` follows their journals; `sure_of` hears which are ours beyond doubt.
    """

    claims: ClaimChecks | None
    memory: GroupMemory
    orders: StandingOrders
    copies: Copies | None
    sure_of: Callable[[Iterable[AssignedPartition]], None]


class Rebalances:
    """The source's listener; it wakes the lanes for new records and tells the `keepers`."""

    def __init__(
        self,
        intake: Intake,
        drain: Drain,
        keepers: Keepers,
        lanes: Lanes,
        observer: Observer,
    ) -> None:
        self._intake = intake
        self._drain = drain
        self._claims, self._memory, self._orders, self._copies, self._sure_of = keepers
        self._observer = observer
        self._lanes = lanes
        if self._copies is not None:
            intake.on_stray = self._copies.follow_origin

    def on_assigned(self, assigned: Sequence[PartitionAssignment]) -> None:
        """Take up partitions."""
        for one in assigned:
            self._intake.assign(one)
        self._orders.share_anew()
        self._make_sure(assigned)
        self._follow(assigned)
        self._observer.rebalanced("assign", [one.at for one in assigned])

    def on_made_anew(self, assigned: Sequence[PartitionAssignment]) -> None:
        """Begin anew with partitions of another log; records of the old one under way still end."""
        self._intake.renew(assigned)
        self._make_sure(assigned)
        self._follow(assigned)
        self._drain.quiet.set()

    def on_expired(self, at: Partition, start: Start) -> None:
        """Go on after what is gone."""
        self._intake.skip(at, start)

    async def on_revoked(self, ids: Sequence[Partition]) -> Positions:
        """Drain partitions while they are still ours, and return what to commit last."""
        self._observer.rebalanced("revoke", ids)
        partitions = self._intake.of(ids)
        self._sure_of(partitions)  # they are ours: otherwise we would hear `on_lost`
        try:
            await self._drain.wait(partitions)
            await self._memory.leave(partition for partition in partitions if partition.tenure.is_ours)
            positions, _ = read_positions(partition for partition in partitions if partition.dirty)
            return positions
        finally:
            self._discard(ids)

    def on_committed_last(self, committed: Positions) -> None:
        """Note what was committed after a revocation."""
        self._intake.former.note_committed(committed)

    def on_lost(self, ids: Sequence[Partition]) -> None:
        """Discard partitions that another member may have already, without a commit."""
        self._observer.rebalanced("lost", ids)
        self._discard(ids)

    def on_records(self, records: Sequence[Record]) -> None:
        """Take up a batch."""
        if self._drain.phase is not Phase.WORKING:
            return
        self._intake.accept(records)
        self._orders.took_up()
        self._intake.relief.took_up(records)
        self._lanes.pump()
        self._intake.refill()

    def on_passed(self, counts: Mapping[str, int]) -> None:
        """Count what was passed over for other destinations."""
        self._intake.pass_over(counts)

    def on_gap(self, at: Partition, behind: int, offset: int) -> None:
        """Count offsets that hold nothing for us as read, if everything before them was taken up."""
        for partition in self._intake.of([at]):
            partition.offsets.pass_over(behind, offset)

    def on_cut(self, at: Partition, offset: int) -> None:
        """Send records that replaced finished ones."""
        for partition in self._intake.of([at]):
            if partition.offsets.forget_from(offset):
                why = f"the log was cut, and other records lie there from offset {offset} on"
                self._observer.map_refused(at, why)

    def on_rewound(self, at: Partition) -> None:
        """Take records of a rewound partition again."""
        self._intake.rewound(at)

    def on_stopped(self, stopped: StoppedPartition) -> None:
        """Pass on that a partition is stopped."""
        self._observer.stopped(stopped)

    def on_passed_over(self, place: Place, beyond: int) -> None:
        """Pass on what was skipped."""
        self._observer.passed_over(place, beyond)

    def on_trouble(self, message: str) -> None:
        """Pass on what an operator should know."""
        self._observer.trouble(message)

    def on_failed(self, error: BaseException) -> None:
        """End the run, because it can't work without the source."""
        self._lanes.on_failed(error)

    def _make_sure(self, assigned: Sequence[PartitionAssignment]) -> None:
        if self._claims is not None:
            self._claims.make_sure(self._intake.of([one.at for one in assigned]))

    def _follow(self, assigned: Sequence[PartitionAssignment] = ()) -> None:
        if self._copies is not None:
            self._copies.follow([one.at for one in assigned])

    def _discard(self, ids: Sequence[Partition]) -> None:
        self._drain.given_away(self._intake.of(ids))
        self._intake.discard(ids)
        self._orders.share_anew()
        self._follow()
