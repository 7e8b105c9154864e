"""A plan: what a command is about to send, written to the broker first, so that it can be resumed.

The rule: a plan counts once its head is there, which is written after its parts. Whoever finds an unfinished
plan looks at the source for what was sent of it. Plans have their own keys on the control topic:
`replay/{id}` and `publish/{id}`, for a part `{key}/{partition}/{number}`; a run claims a plan as
`{key}/claim/{run}`.
"""

from __future__ import annotations

import json
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import NamedTuple

from schemas import format_time
from schemas.moment import parse_time
from worker.ops.partition_offsets import NO_OFFSETS, PartitionOffset, PartitionOffsets

PART_PLACES = 100_000
"""Offsets in one record, which stays below 1 MB, the default limit of topics."""


class Plan(NamedTuple):
    """A plan: the `kind` of command, its request in words, and when (epoch seconds).

    `ends` are the ends of the source `topic` (None if unknown) before the first record. `places` are the dead
    letters to send, of the log `log` (None if unknown). `total` is the number of records. `by` is who asked,
    if known. `rate` is the most per second; None means unlimited.
    """

    kind: str
    id: str
    question: str
    at: float
    ends: Mapping[int, int]
    total: int
    places: Set[PartitionOffset] = NO_OFFSETS
    log: str | None = None
    is_done: bool = False
    by: str | None = None
    rate: float | None = None
    topic: str | None = None

    @property
    def key(self) -> str:
        """The key of its head."""
        return f"{self.kind}/{self.id}"

    def head(self) -> tuple[bytes, bytes]:
        """Key and value of its head."""
        value = {
            "at": format_time(self.at),
            "question": self.question,
            "state": "done" if self.is_done else "begun",
            "total": self.total,
            "log": self.log,
            "by": self.by,
            "rate": self.rate,
            "topic": self.topic,
            "source": {str(number): end for number, end in self.ends.items()},
        }
        return self.key.encode(), json.dumps(value, ensure_ascii=False).encode()

    def parts(self) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values of its places."""
        for partition, offsets in PartitionOffsets.of(self.places).offsets.items():
            for number, start in enumerate(range(0, len(offsets), PART_PLACES)):
                key = f"{self.key}/{partition}/{number}"
                yield key.encode(), _packed(offsets[start : start + PART_PLACES])


def read_plans(records: Iterable[tuple[bytes | None, bytes | None]], kind: str) -> list[Plan]:
    """Read the plans of a kind from the records of a control topic, the oldest first.

    The last record of a key counts; a tombstone removes it.
    """
    last = {key.decode(errors="replace"): value for key, value in records if key is not None}
    offsets: dict[str, dict[int, array[int]]] = {}
    for key, value in last.items():
        match key.split("/"):
            case [of, id_, partition, _] if of == kind and partition.isdecimal() and value:
                some = offsets.setdefault(id_, {}).setdefault(int(partition), array("q"))
                some.extend(offsets_of(value))
    heads = ((key.split("/"), value) for key, value in last.items())
    found = (
        read_head(kind, of[1], value, PartitionOffsets(offsets.get(of[1])))
        for of, value in heads
        if len(of) == len(("kind", "id")) and of[0] == kind and value
    )
    return sorted((plan for plan in found if plan is not None), key=lambda plan: plan.at)


def read_head(kind: str, id_: str, value: bytes, places: Set[PartitionOffset] = NO_OFFSETS) -> Plan | None:
    """Read a head; None if it is none."""
    try:
        fields = json.loads(value)
        at = parse_time(fields["at"])
        ends = {int(number): int(end) for number, end in fields["source"].items()}
        is_done = fields["state"] == "done"
        question, total, rate = str(fields["question"]), int(fields["total"]), fields.get("rate")
        rate = None if rate is None else float(rate)
        log, by, topic = _text(fields["log"]), _text(fields.get("by")), _text(fields.get("topic"))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None
    if at is None:
        return None
    return Plan(kind, id_, question, at, ends, total, places, log, is_done, by, rate, topic)


def _text(field: object) -> str | None:
    """Return a field that may be left out; raise TypeError if it is no text."""
    if field is not None and not isinstance(field, str):
        raise TypeError
    return field


def _packed(offsets: Iterable[int]) -> bytes:
    """Rising offsets as compressed differences."""
    packed, before = bytearray(), 0
    for offset in offsets:
        step, before = offset - before, offset
        while step > 0x7F:
            packed.append(step & 0x7F | 0x80)
            step >>= 7
        packed.append(step)
    return zlib.compress(bytes(packed))


def offsets_of(value: bytes) -> Iterator[int]:
    """The rising offsets in the value of a part; empty if it is something else."""
    try:
        packed = zlib.decompress(value)
    except zlib.error:
        return
    offset = step = shift = 0
    for byte in packed:
        step |= (byte & 0x7F) << shift
        shift += 7
        if byte <= 0x7F:
            offset += step
            yield offset
            step = shift = 0
