"""Damage to what lies on a broker's disk: a byte of one batch is another.

The rule: one byte, of just the batch that is named; the broker hands it over unseen.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

_HEAD = struct.Struct(">qi")  # a batch begins with its first offset and the length of what follows
_MAGIC_AT, _PAYLOAD_END = 16, 3


def rot(data: Path, topic: str, partition: int, offset: int, *, magic: bool = False) -> None:
    """Change a byte of the batch that begins at `offset`: in its last value, or the one of its form."""
    (path,) = (data / "log" / f"{topic}-{partition}").glob("*.log")
    (begins, ends) = next(batch for first, *batch in _batches(path.read_bytes()) if first == offset)
    at = begins + _MAGIC_AT if magic else ends - _PAYLOAD_END
    with path.open("r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ 0x08]))


def _batches(log: bytes) -> Iterator[tuple[int, int, int]]:
    """The first offset of each batch, where it begins and where it ends."""
    begins = 0
    while begins < len(log):
        first, length = _HEAD.unpack_from(log, begins)
        ends = begins + _HEAD.size + length
        yield first, begins, ends
        begins = ends
