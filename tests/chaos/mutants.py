"""Broken programs, to prove that the checker sees each: `python -m tests.chaos.mutants NAME run`.

The rule: a mutant breaks one promise, at one place, before the program starts; all else is the program.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

from worker.adapters.http.direct import DirectLane
from worker.cli import main as start
from worker.core import finished
from worker.core.answer import Answer, Failure, FailureKind, Request
from worker.core.binding import Binding
from worker.core.finished import Finished
from worker.core.holding import Held, Holding
from worker.core.ledger import Ledger
from worker.core.record import Partition
from worker.core.settle import Dead, Retry
from worker.ports import Asker, Assigned
from worker.runner.drain import Drain, Phase
from worker.runner.intake import Intake
from worker.runner.settling import Settling


def commit_the_highest_seen() -> None:
    """Commit what was read, finished or not."""

    def position(ledger: Ledger) -> int | None:
        return ledger._next

    def finished(_: Ledger) -> Finished | None:
        return None

    _replace(Ledger, position=property(position), finished=finished)


def resolve_before_the_acknowledgement() -> None:
    """Take a record for finished as soon as its retry is on its way."""
    make, settle = Settling.__init__, Settling.settle
    tells: dict[Settling, Callable[[Held, Retry | Dead], None]] = {}

    def hasty(settling: Settling, *arguments: Any) -> None:
        make(settling, *arguments)
        tells[settling], settling._on_settled = settling._on_settled, lambda _held, _ending: None

    def at_once(settling: Settling, held: Held, ending: Retry | Dead) -> None:
        tells[settling](held, ending)
        settle(settling, held, ending)

    _replace(Settling, __init__=hasty, settle=at_once)


def keep_the_ledger_after_revoke() -> None:
    """Go on with what was known of a partition when it comes back, whatever another did to it meanwhile."""
    assign, discard = Intake.assign, Intake.discard
    kept: dict[Partition, Ledger] = {}

    def keep(intake: Intake, partitions: Iterable[Partition]) -> None:
        kept.update((at, intake.holdings[at].ledger) for at in partitions if at in intake.holdings)
        discard(intake, partitions)

    def go_on(intake: Intake, assigned: Assigned) -> Holding:
        holding = assign(intake, assigned)
        holding.ledger = kept.get(assigned.at, holding.ledger)
        return holding

    _replace(Intake, discard=keep, assign=go_on)


def hand_over_without_draining() -> None:
    """Give partitions away while requests for them are in flight."""

    async def at_once(_drain: Drain, _holdings: Collection[object]) -> None:
        await asyncio.sleep(0)

    _replace(Drain, wait=at_once)


def hand_over_undrained_at_shutdown() -> None:
    """Take one drain for all: what a rebalance takes while the process ends is given away as it is."""
    wait = Drain.wait
    ending: set[Drain] = set()

    async def once(drain: Drain, holdings: Collection[Holding]) -> None:
        if drain.phase is Phase.DRAINING and drain in ending:
            return
        if drain.phase is Phase.DRAINING:
            ending.add(drain)
        await wait(drain, holdings)

    _replace(Drain, wait=once)


def send_again_on_a_broken_connection() -> None:
    """Make a second attempt in secret, as HTTP clients do with what they take for safe to repeat."""
    begin = DirectLane.begin

    class Stubborn(NamedTuple):
        lane: DirectLane
        request: Request
        asker: Asker

        def on_answer(self, answer: Answer) -> None:
            if isinstance(answer, Failure) and answer.kind is FailureKind.CONNECTION:
                begin(self.lane, self.request, self.asker)
            else:
                self.asker.on_answer(answer)

        def on_broken(self, error: BaseException) -> None:
            self.asker.on_broken(error)

    def stubborn(lane: DirectLane, request: Request, asker: Asker) -> None:
        begin(lane, request, Stubborn(lane, request, asker))

    _replace(DirectLane, begin=stubborn)


def ignore_the_metadata() -> None:
    """Send again what an earlier member finished above the committed offset."""
    assign = Intake.assign

    def forgetful(intake: Intake, assigned: Assigned) -> Holding:
        return assign(intake, assigned._replace(metadata=""))

    _replace(Intake, assign=forgetful)


def believe_a_map_under_another_position() -> None:
    """Take a map for one of the offset that it stands beside, whoever put it there."""
    decode = finished.decode

    def trusting(position: int, metadata: str, binding: Binding) -> finished.Told:
        told = decode(position, metadata, binding)
        if told.verdict is not finished.Verdict.EDITED:
            return told
        written = finished.read(metadata)
        if written.finished is None:
            return told
        by, (upto, holes) = position - written.position, written.finished
        moved = finished.Finished(upto + by, tuple(hole + by for hole in holes))
        return finished.Told(finished.Verdict.BELIEVED, moved)

    _replace(finished, decode=trusting)


def _replace(where: object, **parts: object) -> None:
    for name, part in parts.items():
        setattr(where, name, part)


MUTANTS: Mapping[str, Callable[[], None]] = {
    mutant.__name__: mutant
    for mutant in (
        commit_the_highest_seen,
        resolve_before_the_acknowledgement,
        keep_the_ledger_after_revoke,
        hand_over_without_draining,
        hand_over_undrained_at_shutdown,
        send_again_on_a_broken_connection,
        ignore_the_metadata,
        believe_a_map_under_another_position,
    )
}


def main() -> None:
    """Break the program as named, and run it."""
    MUTANTS[sys.argv.pop(1)]()
    start()


if __name__ == "__main__":
    main()
