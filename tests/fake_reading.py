"""How far a source in memory has read a partition, and what of its log may be handed over next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from worker.core.held_bytes import HeldBytes, ReadBytes
from worker.core.record import Record
from worker.core.routing import Router


@dataclass
class Passed:
    """How many records were passed over, and the offset behind the last that was not."""

    behind: int
    count: int = 0


@dataclass
class Reading:
    """One partition that is ours."""

    next: int
    committed: int = 0
    paused: bool = False
    room: int = 0

    def fitting(
        self,
        log: Sequence[Record],
        demand: int,
        bound: tuple[HeldBytes, ReadBytes],
        router: Router | None,
    ) -> tuple[list[Record], Passed]:
        """As many records as may be read, one by one, until the demand, all bytes or the room is spent."""
        held_bytes, read = bound
        fitting: list[Record] = []
        passed = Passed(self.next)
        for record in islice(log, self.next, None):
            if router is not None and not router.takes(record):
                passed.count += 1
            elif len(fitting) >= demand or not held_bytes.left or self.room <= 0:
                break
            else:
                read.count += record.size
                self.room -= held_bytes.room_of(record.size)
                fitting.append(record)
                passed.behind = record.offset + 1
            self.next = record.offset + 1
        return fitting, passed
