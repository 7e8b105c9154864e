"""Finds which dead letters of an interrupted replay are on the source.

The rule: a replayed record is recognised by its event id, its count of replays and its destination. A letter
without an id goes with the one that it was edited to have; where that edit is not given again, its key stands
for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import TYPE_CHECKING

from worker.ops.edits import Revise, id_of
from worker.ops.numbering import DIGEST_BYTES, Numbering
from worker.ops.partition_offsets import PartitionOffset, PartitionOffsets

if TYPE_CHECKING:
    from schemas import DeadLetter
    from worker.core.record import Record


def sent_letters(
    letters: Iterable[DeadLetter], come: Callable[[], Iterable[Record]], destination: str, revise: Revise
) -> PartitionOffsets:
    """The places of those that went; `come` reads what came to the source since the replay was begun."""
    there = Numbering()
    for record in come():
        if (replay := replayed(record, destination)) is not None:
            there.number(_digest(*replay))
    nameless: dict[PartitionOffset, tuple[bytes | None, int]] = {}

    def went(letter: DeadLetter) -> bool:
        event_id = id_of(letter, revise)
        if event_id is None:
            nameless[letter.partition, letter.offset] = letter.key, letter.replays + 1
            return False
        return _digest(event_id, letter.replays + 1) in there

    sent = PartitionOffsets.of((letter.partition, letter.offset) for letter in letters if went(letter))
    if not nameless:
        return sent
    replays = ((record.key, replayed(record, destination)) for record in come())
    keys = {(key, replay[1]) for key, replay in replays if replay is not None}
    return PartitionOffsets.of([*sent, *(place for place, key in nameless.items() if key in keys)])


def replayed(record: Record, destination: str) -> tuple[str, int] | None:
    """The event id and count of replays of a source record that is a destination's replay; else None."""
    from schemas import WorkerHeaders
    from schemas.dead_letter import fields_of
    from schemas.headers import REPLAYS

    if not any(name == REPLAYS for name, _ in record.headers):
        return None
    carried = WorkerHeaders.read(record.headers)
    event_id = fields_of(record.value).get("event_id")
    if (
        carried.replays is None
        or carried.replayed_for not in {None, destination}
        or not isinstance(event_id, str)
    ):
        return None
    return event_id, carried.replays


def _digest(event_id: str, replays: int) -> bytes:
    return blake2b(f"{replays}/{event_id}".encode(), digest_size=DIGEST_BYTES).digest()
