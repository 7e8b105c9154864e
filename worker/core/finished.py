"""The finished offsets above the committed one, as they travel in the commit's metadata.

The rule: what is read back is exactly what was written, or nothing; a damaged map is never believed.

Form: `1` (version), then base64 without padding of LEB128 numbers and a CRC-32: first `upto - position`, then
the unfinished offsets below `upto`, each as its distance from the one before (the first from the position).
Kafka keeps 4,096 bytes of metadata and the client adds one. A map that would be longer leaves out its top: to
say less re-sends a little, while metadata that the broker refuses would stop the commits.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from bisect import bisect_left
from typing import NamedTuple
from zlib import crc32

VERSION = "1"
MAX_CHARACTERS = 4095
_CHECK_BYTES = 4
# An offset is a signed 64-bit number: nine groups of seven bits.
_MOST_BITS = 63
# What is left for the unfinished offsets beside the version, the first number and the check.
_ROOM = (MAX_CHARACTERS - len(VERSION)) * 3 // 4 - _MOST_BITS // 7 - _CHECK_BYTES


class DamagedMap(ValueError):
    """The metadata is not a map of this program, of this version, whole."""


class Finished(NamedTuple):
    """Every offset below `upto` is finished but the `holes` (rising)."""

    upto: int
    holes: tuple[int, ...]

    def __contains__(self, offset: object) -> bool:
        """Tell whether this offset is finished (any at or above the position that the map belongs to)."""
        if not isinstance(offset, int) or offset >= self.upto:
            return False
        index = bisect_left(self.holes, offset)
        return index == len(self.holes) or self.holes[index] != offset


def union(one: Finished | None, other: Finished | None) -> Finished | None:
    """All that either of two maps of one log tells."""
    if one is None or other is None:
        return one or other
    low, high = sorted((one, other))
    open_in_low = set(low.holes)
    return Finished(high.upto, tuple(hole for hole in high.holes if hole >= low.upto or hole in open_in_low))


def encode(position: int, finished: Finished | None) -> str:
    """Write the map for a commit of `position`, as much as fits; empty where nothing is finished above it."""
    if finished is None or finished.upto <= position:
        return ""
    upto, steps = _steps(position, finished)
    body = bytearray()
    _append(body, upto - position)
    body += steps
    body += crc32(body).to_bytes(_CHECK_BYTES, "big")
    return VERSION + b64encode(body).decode("ascii").rstrip("=")


def decode(position: int, metadata: str) -> Finished | None:
    """Read the map back; None for none; raise DamagedMap for anything that `encode` did not write."""
    if not metadata:
        return None
    if metadata[0] != VERSION:
        raise DamagedMap(f"unknown version {metadata[0]!a}")
    if len(metadata) > MAX_CHARACTERS:
        raise DamagedMap("too long")
    body = _unpack(metadata[1:])
    distance, *steps = _numbers(body)
    holes = []
    offset = position
    for index, step in enumerate(steps):
        if step == 0 and index:
            raise DamagedMap("offsets do not rise")
        offset += step
        holes.append(offset)
    upto = position + distance
    if distance == 0 or (holes and holes[-1] >= upto):
        raise DamagedMap("offsets beyond its end")
    found = Finished(upto, tuple(holes))
    if encode(position, found) != metadata:
        raise DamagedMap("written in another form")
    return found


def _steps(position: int, finished: Finished) -> tuple[int, bytearray]:
    """Write the unfinished offsets that fit, and say up to where they tell all."""
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
