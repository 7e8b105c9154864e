"""The map of finished offsets above the committed one, carried in the commit's metadata.

The rule: what is read back is exactly what was written. It is believed only for the position, the log and the
deployment that it was written for; a damaged map is never believed.

Form: `2` (version), then base64 without padding of the marks of cluster, topic and deployment, LEB128 numbers
and a CRC-32. The numbers are the position, `upto - position` (0 if nothing above it is finished), then the
unfinished offsets below `upto`, each as its distance from the one before (the first from the position).
Kafka keeps 4,096 bytes of metadata and the client adds one. A longer map loses its top: saying less re-sends
a little, while metadata that the broker refuses would stop the commits.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from bisect import bisect_left
from enum import Enum
from typing import NamedTuple
from zlib import crc32

from worker.core.binding import MARK_BYTES, UNKNOWN, Binding, BindingMarks, marks_of

VERSION = "2"
MAX_CHARACTERS = 4095
_CHECK_BYTES = 4
_MARKS_BYTES = MARK_BYTES * len(BindingMarks._fields)
# An offset is a signed 64-bit number: nine groups of seven bits.
_MOST_BITS = 63
# Bytes left for the unfinished offsets besides the version, the marks, the first two numbers and the check.
_ROOM = (MAX_CHARACTERS - len(VERSION)) * 3 // 4 - _MARKS_BYTES - 2 * (_MOST_BITS // 7) - _CHECK_BYTES


class DamagedMap(ValueError):
    """The metadata is not a complete map of this version."""


class OffsetMap(NamedTuple):
    """Every offset below `upto` is finished, except the `holes` (rising)."""

    upto: int
    holes: tuple[int, ...]

    def __contains__(self, offset: object) -> bool:
        """Whether an offset at or above the map's position is finished."""
        if not isinstance(offset, int) or offset >= self.upto:
            return False
        index = bisect_left(self.holes, offset)
        return index == len(self.holes) or self.holes[index] != offset

    def below(self, offset: int) -> OffsetMap:
        """The map of the offsets below this one."""
        if self.upto <= offset:
            return self
        return OffsetMap(offset, tuple(hole for hole in self.holes if hole < offset))


def union(one: OffsetMap | None, other: OffsetMap | None) -> OffsetMap | None:
    """The union of two maps of one log."""
    if one is None or other is None:
        return one or other
    low, high = sorted((one, other))
    open_in_low = set(low.holes)
    return OffsetMap(high.upto, tuple(hole for hole in high.holes if hole >= low.upto or hole in open_in_low))


class MetadataVerdict(Enum):
    """Whether to believe a commit's metadata, for a position, a log and a deployment."""

    BELIEVED = "written for this position of this log"
    EMPTY = "committed without metadata, by another program"
    DAMAGED = "no whole map of this version"
    OTHER_IDENTITY = "written by a deployment with another source topic or destination"
    MIRRORED = "written in another cluster"
    EDITED = "written for another position"
    MADE_ANEW = "written for a topic of this name that was deleted"
    UNPROVEN = "written while the topic's id was not known, or it is not known now"


class CheckedMetadata(NamedTuple):
    """A commit's metadata, judged; a map only if it is BELIEVED. `why` says what is wrong."""

    verdict: MetadataVerdict
    finished: OffsetMap | None = None
    why: str = ""


class CommitMetadata(NamedTuple):
    """The contents of a commit's metadata, whoever it was written for."""

    position: int
    marks: BindingMarks
    finished: OffsetMap | None


def encode(position: int, finished: OffsetMap | None, binding: Binding) -> str:
    """Write what is finished above `position`, as much as fits, with its binding."""
    return _sealed(CommitMetadata(position, marks_of(binding), finished))


def decode(position: int, metadata: str, binding: Binding) -> CheckedMetadata:
    """Judge the metadata of a commit of `position`; return the map if it is believed."""
    if not metadata:
        return CheckedMetadata(MetadataVerdict.EMPTY, None, MetadataVerdict.EMPTY.value)
    try:
        written = read(metadata)
    except DamagedMap as error:
        return CheckedMetadata(MetadataVerdict.DAMAGED, None, str(error))
    verdict = _judge(written, position, marks_of(binding))
    if verdict is MetadataVerdict.BELIEVED:
        return CheckedMetadata(verdict, written.finished)
    if verdict is MetadataVerdict.EDITED:
        return CheckedMetadata(verdict, None, f"written for position {written.position}, not {position}")
    return CheckedMetadata(verdict, None, verdict.value)


def claimed(position: int, metadata: str) -> OffsetMap | None:
    """What a commit's metadata calls finished above it, for readers that don't check the log.

    None if it was written for another position: somebody, or MirrorMaker, has edited the offset.
    """
    try:
        written = read(metadata)
    except DamagedMap:
        return None
    return written.finished if written.position == position else None


def _judge(written: CommitMetadata, position: int, here: BindingMarks) -> MetadataVerdict:
    there = written.marks
    if _differ(there.identity, here.identity):
        return MetadataVerdict.OTHER_IDENTITY
    if _differ(there.cluster, here.cluster):
        return MetadataVerdict.MIRRORED
    if written.position != position:
        return MetadataVerdict.EDITED
    same_cluster = there.cluster == here.cluster
    if there.topic == here.topic and (same_cluster or here.topic != UNKNOWN):
        return MetadataVerdict.BELIEVED
    known = same_cluster and here.cluster != UNKNOWN and _differ(there.topic, here.topic)
    return MetadataVerdict.MADE_ANEW if known else MetadataVerdict.UNPROVEN


def _differ(there: bytes, here: bytes) -> bool:
    """Whether both are known and differ."""
    return there != here and UNKNOWN not in {there, here}


def read(metadata: str) -> CommitMetadata:
    """Read the metadata back; raise DamagedMap for anything that `encode` did not write."""
    if metadata[:1] != VERSION:
        raise DamagedMap(f"unknown version {metadata[:1]!a}")
    if len(metadata) > MAX_CHARACTERS:
        raise DamagedMap("too long")
    body = _unpack(metadata[1:])
    marks = BindingMarks(*(body[at : at + MARK_BYTES] for at in range(0, _MARKS_BYTES, MARK_BYTES)))
    written = _written(marks, _numbers(body[_MARKS_BYTES:]))
    if _sealed(written) != metadata:
        raise DamagedMap("written in another form")
    return written


def _sealed(written: CommitMetadata) -> str:
    position, marks, finished = written
    body = bytearray().join(marks)
    _append(body, position)
    if finished is None or finished.upto <= position:
        _append(body, 0)
    else:
        upto, steps = _steps(position, finished)
        _append(body, upto - position)
        body += steps
    body += crc32(body).to_bytes(_CHECK_BYTES, "big")
    return VERSION + b64encode(body).decode("ascii").rstrip("=")


def _written(marks: BindingMarks, numbers: list[int]) -> CommitMetadata:
    if len(numbers) < 2:
        raise DamagedMap("cut short")
    position, distance, *steps = numbers
    holes = []
    offset = position
    for index, step in enumerate(steps):
        if step == 0 and index:
            raise DamagedMap("offsets do not rise")
        offset += step
        holes.append(offset)
    upto = position + distance
    if holes and holes[-1] >= upto:
        raise DamagedMap("offsets beyond its end")
    return CommitMetadata(position, marks, OffsetMap(upto, tuple(holes)) if distance else None)


def _steps(position: int, finished: OffsetMap) -> tuple[int, bytearray]:
    """Write the unfinished offsets that fit; return the `upto` that they are complete for."""
    steps, before = bytearray(), position
    for hole in finished.holes:
        length = len(steps)
        _append(steps, hole - before)
        if len(steps) > _ROOM:
            return hole, steps[:length]
        before = hole
    return finished.upto, steps


def _append(body: bytearray, number: int) -> None:
    while number > 0x7F:
        body.append(number & 0x7F | 0x80)
        number >>= 7
    body.append(number)


def _unpack(text: str) -> bytes:
    try:
        packed = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (Base64Error, ValueError):
        raise DamagedMap("not base64") from None
    body, check = packed[:-_CHECK_BYTES], packed[-_CHECK_BYTES:]
    if not body or crc32(body).to_bytes(_CHECK_BYTES, "big") != check:
        raise DamagedMap("its check does not fit")
    return body


def _numbers(body: bytes) -> list[int]:
    numbers, number, shift = [], 0, 0
    for byte in body:
        if shift >= _MOST_BITS:
            raise DamagedMap("a number beyond any offset")
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(number)
            number, shift = 0, 0
    if shift:
        raise DamagedMap("cut short")
    return numbers
