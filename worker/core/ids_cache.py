"""The file in which what is remembered of conversions outlives a process: a cache of the journal.

The rules: it says to which log it belongs and up to where that was read. A file that differs in that from
what is wanted, is torn, or has any byte changed is not believed: the journal is read instead.

The form: a line that names its version; a head and, behind the buckets, a foot, both JSON; and a checksum of
all before it. Each part but the line and the checksum has its length before it, in four bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from struct import Struct
from typing import Any, NamedTuple, Protocol

from worker.core.binding import LogId
from worker.core.remembered_ids import SLOT_BYTES, Chunks, Kept, RememberedIds

VERSION = b"postback-worker ids 2\n"
CHECKSUM_BYTES = 16
_LENGTH = Struct("<I")
MOST_PART_BYTES = 1 << 24
"""No head, foot or bucket is longer."""

BUCKETS_AT_ONCE = 256
"""So many are copied together: a quarter of a megabyte, and of a millisecond."""


class NotBelieved(Exception):
    """Why a file is not believed, in a few words."""


class Anchor(NamedTuple):
    """A record by which a log is known again: two logs that have it are the same up to it."""

    offset: int
    epoch: int | None
    digest: str


class JournalPosition(NamedTuple):
    """Up to before which offset a partition of the journal is read, and the last record that was."""

    next: int
    anchor: Anchor | None


class JournalPositions(NamedTuple):
    """How far a journal is read, by its partitions."""

    log: LogId
    of: Mapping[int, JournalPosition]


class Owner(NamedTuple):
    """Whose memory it is: of which group, how many are remembered, for how long, in how many buckets."""

    group: str
    most: int
    window: float
    buckets: int


class Cached(NamedTuple):
    """What a file holds that is believed."""

    positions: JournalPositions
    kept: Kept


class Stream(Protocol):
    """What is read from."""

    def read(self, count: int, /) -> bytes:
        """The next bytes, fewer than `count` at the end alone."""
        ...


class Seal:
    """Makes the checksum of what it is given."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=CHECKSUM_BYTES)
        self.add = self._hash.update
        self.made = self._hash.digest


def digest_of(key: bytes | None, value: bytes | None) -> str:
    """What an anchor's record is known again by."""
    return blake2b(b"%d %b%b" % (len(key or b""), key or b"", value or b""), digest_size=8).hexdigest()


def packed(ids: RememberedIds, owner: Owner, positions: JournalPositions) -> Iterator[bytes]:
    """The file but for its checksum, in pieces.

    What is remembered may change between two of them: it holds all that was when the first was made, unless
    that is forgotten, and of what came since something.
    """
    at = {str(number): [position.next, *(position.anchor or ())] for number, position in positions.of.items()}
    yield VERSION + _text({"owner": owner, "log": positions.log, "places": at})
    for first in range(0, owner.buckets, BUCKETS_AT_ONCE):
        numbers = range(first, min(first + BUCKETS_AT_ONCE, owner.buckets))
        yield b"".join(_sized(ids.bucket(number)) for number in numbers)
    yield _text(ids.chunks)


def unpacked(stream: Stream, owner: Owner, log: LogId) -> Cached:
    """Read a file, that of this owner and log; raise NotBelieved."""
    try:
        return _unpacked(_Reading(stream), owner, log)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise NotBelieved("it is damaged") from error


def _unpacked(reading: _Reading, owner: Owner, log: LogId) -> Cached:
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
    return Cached(JournalPositions(log, positions), Kept.of(buckets, Chunks(foot[0], tuple(foot[1]))))


def _position(following: int, *anchor: Any) -> JournalPosition:
    return JournalPosition(following, Anchor(*anchor) if anchor else None)


def _sized(piece: bytes) -> bytes:
    return _LENGTH.pack(len(piece)) + piece


def _text(value: object) -> bytes:
    return _sized(json.dumps(value).encode())


class _Reading:
    """Reads the parts of a file one by one, and holds no more than that in memory."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._seal = Seal()

    def take(self, count: int) -> bytes:
        """The next bytes, just so many."""
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
        """Compare the checksum, which is the last of it."""
        made = self._seal.made()
        if self._stream.read(CHECKSUM_BYTES + 1) != made:
            raise NotBelieved("its checksum is wrong")

    def _length(self) -> int:
        (length,) = _LENGTH.unpack(self.take(_LENGTH.size))
        if length > MOST_PART_BYTES:
            raise ValueError(length)
        return int(length)
