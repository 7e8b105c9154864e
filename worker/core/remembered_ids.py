"""Remembers conversions by an exact digest, within a window, up to a bound.

The rules: a marked conversion is known, exactly, until its window has passed or room is short. Then the
oldest are forgotten first, a chunk at a time, and those forgotten before their window are counted. A
conversion takes a slot of 32 bytes. Slots lie one after another in buckets, byte strings that are searched at
the speed of C. A dict of digests would take 111 bytes for each, and as long.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections import Counter, deque
from typing import NamedTuple

from worker.core.copies import DELIVERED, DIGEST_BYTES, RememberedConversion, digest_of_record, replaces

_SLOT = struct.Struct("<16sIIQ")
"""A slot: a digest, its chunk, when it was marked (epoch seconds), and the packed knowledge."""

_pack = _SLOT.pack
SLOT_BYTES = _SLOT.size
_CHUNK_OF_SLOT = struct.Struct("<16xI12x")
_AFTER_DIGEST = struct.Struct("<IIQ")
_CHUNKS = 64
"""Into how many chunks the bound and the window are divided; the oldest chunk is forgotten as a whole."""

_SLOTS_OF_A_BUCKET = 32
_LONG_SLOTS = 64  # from so many slots on, forgotten ones are trimmed off a bucket
_MOST_BUCKETS = 65_536  # two bytes of the digest choose the bucket


class StepMark(NamedTuple):
    """What a step adds to the memory: a digest, what is known from then on, and the time.

    `partition` is the number of the source partition.
    """

    digest: bytes
    partition: int
    known: RememberedConversion
    at: float


class Chunks(NamedTuple):
    """The number of the first chunk, and until when each chunk may last."""

    first: int
    untils: tuple[float, ...]


class PackedIds(NamedTuple):
    """A whole memory, to be taken up again: the packed buckets and their chunks.

    `counts` is the number of slots of each chunk, by its number.
    """

    buckets: list[bytearray]
    chunks: Chunks
    counts: Counter[tuple[int]]

    @classmethod
    def of(cls, buckets: list[bytearray], chunks: Chunks) -> PackedIds:
        """Count the slots in the buckets; raise ValueError if one names an unknown chunk."""
        counts: Counter[tuple[int]] = Counter()
        for bucket in buckets:
            counts.update(_CHUNK_OF_SLOT.iter_unpack(bucket))
        if counts and max(counts)[0] >= chunks.first + len(chunks.untils):
            raise ValueError("it tells of a chunk that is not there")
        return cls(buckets, chunks, counts)


class _Chunk:
    """The slots marked in one stretch of time: how many are left, and until when it may last."""

    __slots__ = ("count", "until")

    def __init__(self, until: float, count: int = 0) -> None:
        self.count = count
        self.until = until


class RememberedIds:
    """Remembers at most `most` conversions, each for `window` seconds while there is room."""

    def __init__(self, most: int, window: float) -> None:
        self.most, self.window = most, window
        self._chunk_size, self._chunk_seconds = max(1, most // _CHUNKS), window / _CHUNKS
        count = 1
        while count < min(most // _SLOTS_OF_A_BUCKET, _MOST_BUCKETS):
            count *= 2
        self._mask = count - 1
        self._buckets = [bytearray() for _ in range(count)]
        self._long = _SLOT.size * max(_LONG_SLOTS, 2 * most // count)
        self._chunks: deque[_Chunk] = deque()
        self._first = 0  # the number of the oldest chunk
        self._closed = 0  # the number of slots in all chunks but the last
        self._number = -1  # of the last chunk; below: its size, its free slots, and its end
        self._given = self._left = 0
        self._until = float("-inf")
        self.forgotten = 0
        """How many were forgotten before their window ended, for want of room."""

    @property
    def count(self) -> int:
        """How many are held, including expired ones that are not forgotten yet."""
        return self._closed + self._given - self._left + (self._chunks[-1].count if self._chunks else 0)

    def known(self, digest: bytes, now: float) -> RememberedConversion | None:
        """What is remembered at `now`, or None."""
        bucket = self._buckets[(digest[0] << 8 | digest[1]) & self._mask]
        place = bucket.rfind(digest)  # the newest counts
        if place < 0:
            return None
        chunk, at, value = _AFTER_DIGEST.unpack_from(bucket, place + DIGEST_BYTES)
        if chunk < self._first or at < now - self.window:
            return None
        return RememberedConversion.unpacked(value)

    def mark(self, mark: StepMark) -> None:
        """Remember a step: for its conversion, or only for its record if the conversion is another's."""
        digest, _, known, at = mark
        if known.state is not DELIVERED and (before := self.known(digest, at)) is not None:
            is_newer = replaces(known, before)
            if (known.origin, known.replays) != (before.origin, before.replays):
                other = before if is_newer else known
                self.put(digest_of_record(digest, other.origin), other.packed(), at)
            if not is_newer:
                return
        self.put(digest, known.packed(), at)

    def put(self, digest: bytes, value: int, at: float) -> None:
        """Remember a packed value, replacing what was remembered."""
        bucket = self._buckets[(digest[0] << 8 | digest[1]) & self._mask]
        if (place := bucket.rfind(digest)) >= 0:
            self._leave(_AFTER_DIGEST.unpack_from(bucket, place + DIGEST_BYTES)[0])
            del bucket[place : place + _SLOT.size]
        self.add(digest, value, at)

    def add(self, digest: bytes, value: int, at: float) -> None:
        """Remember a packed value for a digest that, as far as known, is new."""
        if not self._left or at > self._until:
            self._begin_chunk(at)
        self._left -= 1
        bucket = self._buckets[(digest[0] << 8 | digest[1]) & self._mask]
        bucket += _pack(digest, self._number, int(at), value)
        if len(bucket) > self._long:
            self._trim(bucket)

    def remembered(self, now: float) -> int:
        """How many are remembered at `now`."""
        self._forget_old(now)
        return self.count

    # --- for the cache that outlives the process -----------------------------------------------

    @property
    def buckets(self) -> int:
        """How many buckets there are."""
        return len(self._buckets)

    @property
    def chunks(self) -> Chunks:
        """The chunks that are remembered."""
        return Chunks(self._first, tuple(chunk.until for chunk in self._chunks))

    def bucket(self, number: int) -> bytes:
        """The packed slots of a bucket, without forgotten ones: chunks are in order within it."""
        bucket = self._buckets[number]
        if not bucket or _AFTER_DIGEST.unpack_from(bucket, DIGEST_BYTES)[0] >= self._first:
            return bytes(bucket)
        slots = range(0, len(bucket), SLOT_BYTES)
        first = bisect_left(slots, self._first, key=lambda at: _CHUNK_OF_SLOT.unpack_from(bucket, at)[0])
        return bytes(bucket[first * SLOT_BYTES :])

    def take_up(self, kept: PackedIds) -> None:
        """Take up a kept memory with the same number of buckets; newer marks win."""
        newer = [slot for bucket in self._buckets if bucket for slot in _SLOT.iter_unpack(bucket)]
        self._buckets, self._first = kept.buckets, kept.chunks.first
        numbered = enumerate(kept.chunks.untils, self._first)
        self._chunks = deque(_Chunk(until, kept.counts[number,]) for number, until in numbered)
        self._closed = sum(chunk.count for chunk in self._chunks)
        self._chunks.append(_Chunk(float("-inf")))  # the last chunk's count is kept outside of it
        self._number, self._given, self._left = self._first + len(self._chunks) - 1, 0, 0
        for digest, _, at, value in newer:
            known = self.known(digest, at)
            if known is None or replaces(RememberedConversion.unpacked(value), known):
                self.put(digest, value, at)

    def _begin_chunk(self, at: float) -> None:
        """Begin a chunk as large as there is room for; if there is none, forget the oldest."""
        self._forget_old(at)
        self._close_chunk()
        while self._closed >= self.most:
            self.forgotten += self._forget_oldest()
        self._until = at + self._chunk_seconds
        self._chunks.append(_Chunk(self._until))
        self._number = self._first + len(self._chunks) - 1
        self._given = self._left = min(self._chunk_size, self.most - self._closed)

    def _close_chunk(self) -> None:
        self._closed = self.count
        if self._chunks:
            self._chunks[-1].count += self._given - self._left
        self._given = self._left = 0

    def _forget_old(self, now: float) -> None:
        """Forget chunks that are past the window."""
        while self._chunks and self._chunks[0].until < now - self.window:
            if len(self._chunks) == 1:
                self._close_chunk()
            self._forget_oldest()

    def _forget_oldest(self) -> int:
        """Forget the oldest chunk, which is closed; return how many slots it had."""
        count = self._chunks.popleft().count
        self._first += 1
        self._closed -= count
        return count

    def _trim(self, bucket: bytearray) -> None:
        """Cut forgotten slots off the front of a bucket."""
        kept = 0
        while kept < len(bucket) and _AFTER_DIGEST.unpack_from(bucket, kept + DIGEST_BYTES)[0] < self._first:
            kept += _SLOT.size
        del bucket[:kept]

    def _leave(self, number: int) -> None:
        """Count one slot less in a chunk, if that is still remembered."""
        if number < self._first:
            return
        self._chunks[number - self._first].count -= 1
        if number != self._number:
            self._closed -= 1
