"""Broken programs, to prove that the checker sees each: `python -m tests.chaos.mutants NAME run`.

The rule: a mutant breaks one promise, at one place, before the program starts; all else is the program.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from worker.adapters.http.direct import DirectLane
from worker.cli import main as start
from worker.core import offset_map
from worker.core.answer import Answer, Failure, FailureKind, Request
from worker.core.assigned_partition import AssignedPartition, PendingRecord
from worker.core.binding import Binding
from worker.core.endings import Dead, Ending, RetryLater
from worker.core.offset_map import OffsetMap
from worker.core.offsets import Offsets
from worker.core.record import Partition
from worker.core.trial import Trial
from worker.ports import Attempter, PartitionAssignment
from worker.runner.delivery import Delivery
from worker.runner.drain import Drain, Phase
from worker.runner.hand_over import HandOver
from worker.runner.intake import Intake


def commit_the_highest_seen() -> None:
    """Commit what was read, finished or not."""

    def position(offsets: Offsets) -> int | None:
        return offsets._next

    def finished(_: Offsets) -> OffsetMap | None:
        return None

    _replace(Offsets, position=property(position), finished=finished)


def resolve_before_the_acknowledgement() -> None:
    """Take a record for finished as soon as its retry is on its way."""
    make, settle = HandOver.__init__, HandOver.settle
    tells: dict[HandOver, Callable[[PendingRecord, RetryLater | Dead, Trial | None], None]] = {}

    def hasty(hand_over: HandOver, *arguments: Any) -> None:
        make(hand_over, *arguments)
        tells[hand_over], hand_over._on_settled = hand_over._on_settled, lambda _held, _ending, _trial: None

    def at_once(
        hand_over: HandOver, pending: PendingRecord, ending: RetryLater | Dead, trial: Trial | None
    ) -> None:
        tells[hand_over](pending, ending, trial)
        settle(hand_over, pending, ending, trial)

    _replace(HandOver, __init__=hasty, settle=at_once)


def commit_before_the_journal() -> None:
    """Take a record for finished as soon as its step is on its way."""

    def end(
        delivery: Delivery, pending: PendingRecord, ending: Ending, trial: Trial | None, now: float
    ) -> None:
        delivery._finish(pending)
        assert delivery.journaling is not None
        delivery.journaling.note(pending, ending, trial, now)

    _replace(Delivery, _end=end, on_written=lambda _delivery, _noted: None)


def journal_before_the_acknowledgement() -> None:
    """Write a step as soon as the retry, or the dead letter, that it tells of is on its way."""
    make, settle, on_written = HandOver.__init__, HandOver.settle, Delivery.on_written
    owners: dict[HandOver, Delivery] = {}

    def owned(hand_over: HandOver, *arguments: Any) -> None:
        make(hand_over, *arguments)
        owners[hand_over] = hand_over._on_settled.__self__  # type: ignore[attr-defined]

    def at_once(
        hand_over: HandOver, pending: PendingRecord, ending: RetryLater | Dead, trial: Trial | None
    ) -> None:
        delivery = owners[hand_over]
        assert delivery.journaling is not None
        delivery.journaling.note(pending, ending, trial, delivery._clock.now())
        settle(hand_over, pending, ending, trial)

    def settled(delivery: Delivery, pending: PendingRecord, _ending: object, _trial: object) -> None:
        delivery._release(pending)
        delivery._finish(pending)

    def written(delivery: Delivery, ended: Sequence[PendingRecord]) -> None:
        on_written(delivery, [one for one in ended if one.record.offset in one.partition.unjournaled])

    _replace(HandOver, __init__=owned, settle=at_once)
    _replace(Delivery, _settled=settled, on_written=written)


def keep_the_offsets_after_revoke() -> None:
    """Go on with what was known of a partition when it comes back, whatever another did to it meanwhile."""
    assign, discard = Intake.assign, Intake.discard
    kept: dict[Partition, Offsets] = {}

    def keep(intake: Intake, partitions: Iterable[Partition]) -> None:
        kept.update((at, intake.partitions[at].offsets) for at in partitions if at in intake.partitions)
        discard(intake, partitions)

    def go_on(intake: Intake, assigned: PartitionAssignment) -> AssignedPartition:
        partition = assign(intake, assigned)
        partition.offsets = kept.get(assigned.at, partition.offsets)
        return partition

    _replace(Intake, discard=keep, assign=go_on)


def hand_over_without_draining() -> None:
    """Give partitions away while requests for them are in flight."""

    async def at_once(_drain: Drain, _partitions: Collection[object]) -> None:
        await asyncio.sleep(0)

    _replace(Drain, wait=at_once)


def hand_over_undrained_at_shutdown() -> None:
    """Take one drain for all: what a rebalance takes while the process ends is given away as it is."""
    wait = Drain.wait
    ending: set[Drain] = set()

    async def once(drain: Drain, partitions: Collection[AssignedPartition]) -> None:
        if drain.phase is Phase.DRAINING and drain in ending:
            return
        if drain.phase is Phase.DRAINING:
            ending.add(drain)
        await wait(drain, partitions)

    _replace(Drain, wait=once)


def send_again_on_a_broken_connection() -> None:
    """Make a second attempt in secret, as HTTP clients do with what they take for safe to repeat."""
    begin = DirectLane.begin

    class Stubborn(NamedTuple):
        lane: DirectLane
        request: Request
        attempter: Attempter

        def on_answer(self, answer: Answer) -> None:
            if isinstance(answer, Failure) and answer.kind is FailureKind.CONNECTION:
                begin(self.lane, self.request, self.attempter)
            else:
                self.attempter.on_answer(answer)

        def on_broken(self, error: BaseException) -> None:
            self.attempter.on_broken(error)

    def stubborn(lane: DirectLane, request: Request, attempter: Attempter) -> None:
        begin(lane, request, Stubborn(lane, request, attempter))

    _replace(DirectLane, begin=stubborn)


def ignore_the_metadata() -> None:
    """Send again what an earlier member finished above the committed offset."""
    assign = Intake.assign

    def forgetful(intake: Intake, assigned: PartitionAssignment) -> AssignedPartition:
        return assign(intake, assigned._replace(metadata=""))

    _replace(Intake, assign=forgetful)


def believe_a_map_under_another_position() -> None:
    """Take a map for one of the offset that it stands beside, whoever put it there."""
    decode = offset_map.decode

    def trusting(position: int, metadata: str, binding: Binding) -> offset_map.CheckedMetadata:
        told = decode(position, metadata, binding)
        if told.verdict is not offset_map.MetadataVerdict.EDITED:
            return told
        written = offset_map.read(metadata)
        if written.finished is None:
            return told
        by, (upto, holes) = position - written.position, written.finished
        moved = offset_map.OffsetMap(upto + by, tuple(hole + by for hole in holes))
        return offset_map.CheckedMetadata(offset_map.MetadataVerdict.BELIEVED, moved)

    _replace(offset_map, decode=trusting)


def _replace(where: object, **parts: object) -> None:
    for name, part in parts.items():
        setattr(where, name, part)


MUTANTS: Mapping[str, Callable[[], None]] = {
    mutant.__name__: mutant
    for mutant in (
        commit_the_highest_seen,
        resolve_before_the_acknowledgement,
        keep_the_offsets_after_revoke,
        hand_over_without_draining,
        hand_over_undrained_at_shutdown,
        send_again_on_a_broken_connection,
        ignore_the_metadata,
        believe_a_map_under_another_position,
        commit_before_the_journal,
        journal_before_the_acknowledgement,
    )
}


def main() -> None:
    """Break the program as named, and run it."""
    MUTANTS[sys.argv.pop(1)]()
    start()


if __name__ == "__main__":
    main()
