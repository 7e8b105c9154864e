"""The file in which remembered conversions outlive a process: a cache of the journal.

The rules: it says which log it belongs to and up to where that was read. A file of another log or owner, a
torn file, or one with any byte changed is not believed: the journal is read instead. The form: a line with
its version; a head; the buckets; a foot; and a checksum of everything before it. Head and foot are JSON. Each
part but the line and the checksum is preceded by its length, in four bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from struct import Struct
from typing import Any, NamedTuple, Protocol

from worker.core.binding import LogId
from worker.core.remembered_ids import SLOT_BYTES, Chunks, PackedIds, RememberedIds

VERSION = b"postback-worker ids 2\n"
CHECKSUM_BYTES = 16
_LENGTH = Struct("<I")
MOST_PART_BYTES = 1 << 24
"""Bytes of the longest head, foot or bucket."""

BUCKETS_AT_ONCE = 256
"""Buckets that are copied together: a quarter of a megabyte, and of a millisecond."""


class NotBelieved(Exception):
    """A file is not believed; the message says why."""


class Anchor(NamedTuple):
    """A record that identifies a log: two logs that have it are the same up to it."""

    offset: int
    epoch: int | None
    digest: str


class JournalPosition(NamedTuple):
    """The next offset to read of a journal's partition, and the last record that was read."""

    next: int
    anchor: Anchor | None


class JournalPositions(NamedTuple):
    """How far a journal is read, by partition."""

    log: LogId
    of: Mapping[int, JournalPosition]


class CacheOwner(NamedTuple):
    """Whose memory it is: the group, how many ids it remembers, for how long, in how many buckets."""

    group: str
    most: int
    window: float
    buckets: int


class CacheContents(NamedTuple):
    """The contents of a file that is believed."""

    positions: JournalPositions
    kept: PackedIds


class Stream(Protocol):
    """A readable file."""

    def read(self, count: int, /) -> bytes:
        """The next bytes; fewer than `count` only at the end."""
        ...


class Seal:
    """Computes the checksum of what is added."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=CHECKSUM_BYTES)
        self.add = self._hash.update
        self.made = self._hash.digest


def digest_of(key: bytes | None, value: bytes | None) -> str:
    """The digest that identifies an anchor's record."""
    return blake2b(b"%d %b%b" % (len(key or b""), key or b"", value or b""), digest_size=8).hexdigest()


def packed(ids: RememberedIds, owner: CacheOwner, positions: JournalPositions) -> Iterator[bytes]:
    """The file without its checksum, in pieces.

    The memory may change between two pieces: the file holds everything from the time of the first piece,
    unless it is forgotten meanwhile, and some of what came later.
    """
    at = {str(number): [position.next, *(position.anchor or ())] for number, position in positions.of.items()}
    yield VERSION + _text({"owner": owner, "log": positions.log, "places": at})
    for first in range(0, owner.buckets, BUCKETS_AT_ONCE):
        numbers = range(first, min(first + BUCKETS_AT_ONCE, owner.buckets))
        yield b"".join(_sized(ids.bucket(number)) for number in numbers)
    yield _text(ids.chunks)


def unpacked(stream: Stream, owner: CacheOwner, log: LogId) -> CacheContents:
    """Read a file of this owner and log; raise NotBelieved."""
    try:
        return _unpacked(_Reading(stream), owner, log)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise NotBelieved("it is damaged") from error


def _unpacked(reading: _Reading, owner: CacheOwner, log: LogId) -> CacheContents:
    if reading.take(len(VERSION)) != VERSION:
        raise NotBelieved("it is of another version, or none of ours")
    head = reading.text()
    if head["owner"] != [*owner]:
        raise NotBelieved("it was made with other settings")
    if head["log"] != [*log]:
        raise NotBelieved("it is of another journal")
    buckets = [reading.bucket() for _ in range(owner.buckets)]
    foot = reading.text()
    reading.check()
    positions = {int(number): _position(*position) for number, position in head["places"].items()}
    return CacheContents(
        JournalPositions(log, positions), PackedIds.of(buckets, Chunks(foot[0], tuple(foot[1])))
    )


def _position(following: int, *anchor: Any) -> JournalPosition:
    return JournalPosition(following, Anchor(*anchor) if anchor else None)


def _sized(piece: bytes) -> bytes:
    return _LENGTH.pack(len(piece)) + piece


def _text(value: object) -> bytes:
    return _sized(json.dumps(value).encode())


class _Reading:
    """Reads the parts of a file one by one, so that memory holds no more than one."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._seal = Seal()

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        piece = self._stream.read(count)
        if len(piece) != count:
            raise NotBelieved("it is torn")
        self._seal.add(piece)
        return piece

    def text(self) -> Any:
        """A head or a foot."""
        return json.loads(self.take(self._length()))

    def bucket(self) -> bytearray:
        """A bucket."""
        length = self._length()
        if length % SLOT_BYTES:
            raise ValueError(length)
        return bytearray(self.take(length))

    def check(self) -> None:
        """Compare the checksum, which comes last."""
        made = self._seal.made()
        if self._stream.read(CHECKSUM_BYTES + 1) != made:
            raise NotBelieved("its checksum is wrong")

    def _length(self) -> int:
        (length,) = _LENGTH.unpack(self.take(_LENGTH.size))
        if length > MOST_PART_BYTES:
            raise ValueError(length)
        return int(length)
