"""The finished offsets above the committed one, as they travel in the commit's metadata.

The rule: what is read back is exactly what was written, or nothing; a damaged map is never believed.

Form: `1` (version), then base64 without padding of LEB128 numbers and a CRC-32: first `upto - position`, then
the unfinished offsets below `upto`, each as its distance from the one before (the first from the position).
Kafka keeps 4,096 bytes of metadata and the client adds one.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from bisect import bisect_left
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple
from zlib import crc32

VERSION = "1"
MAX_CHARACTERS = 4095
_CHECK_BYTES = 4


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


def encode(position: int, finished: Finished | None) -> str:
    """Write the map for a commit of `position`; empty where nothing is finished above it."""
    if finished is None or finished.upto <= position:
        return ""
    body = bytearray()
    for distance in _distances(position, finished):
        rest = distance
        while rest > 0x7F:
            body.append(rest & 0x7F | 0x80)
            rest >>= 7
        body.append(rest)
    body += crc32(body).to_bytes(_CHECK_BYTES, "big")
    return VERSION + b64encode(body).decode("ascii").rstrip("=")


def decode(position: int, metadata: str) -> Finished | None:
    """Read the map back; None for none; raise DamagedMap for anything that `encode` did not write."""
    if not metadata:
        return None
    if metadata[0] != VERSION:
        raise DamagedMap(f"unknown version {metadata[0]!a}")
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
    return Finished(upto, tuple(holes))


def _distances(position: int, finished: Finished) -> Iterable[int]:
    yield finished.upto - position
    yield from (after - before for before, after in pairwise((position, *finished.holes)))


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
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(number)
            number, shift = 0, 0
    if shift:
        raise DamagedMap("cut short")
    return numbers
