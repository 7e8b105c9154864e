"""A broker's files of one partition, for one who cuts its log as a power cut does.

The rule: only while the broker is down; a cut lies between two batches, so what is left is whole.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_HEAD = 12  # the base offset, and the length of what follows


class Batch(NamedTuple):
    """A record batch in a segment: the offset of its first record, and where it begins in the file."""

    offset: int
    begins: int


class Cut(NamedTuple):
    """A log that was cut: its new end, and the last leader epoch that it had."""

    end: int
    epoch: int


def cut(folder: Path, floor: int) -> Cut | None:
    """Take the batches that begin at offset `floor` or above from the log in `folder`.

    A log that would be empty, or has nothing there, is left alone: None.
    """
    segment = max(folder.glob("*.log"))
    batches = list(batches_of(segment.read_bytes()))
    epoch = _last_epoch(folder)
    first = next((batch for batch in batches[1:] if batch.offset >= floor), None)
    if first is None:
        return None
    with segment.open("r+b") as file:
        file.truncate(first.begins)
    return Cut(first.offset, epoch)


def batches_of(data: bytes) -> Iterator[Batch]:
    """Walk through the batches of a segment, to its end or to the zeros after them."""
    at = 0
    while at + _HEAD <= len(data):
        offset, length = struct.unpack_from(">qi", data, at)
        if length <= 0:
            return
        yield Batch(offset, at)
        at += _HEAD + length


def _last_epoch(folder: Path) -> int:
    """The newest leader epoch that the broker noted for the log; -1 where it noted none."""
    lines = (folder / "leader-epoch-checkpoint").read_text("utf-8").splitlines()[2:]
    return max((int(line.split()[0]) for line in lines), default=-1)
