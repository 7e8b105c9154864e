"""What to do with a record, given what is remembered of its conversion.

The rules:
- a record whose own ending is known is finished, without another step; so is an outdated record of a tier;
- another record of an event that is delivered, waiting or dead is a copy, unless it replays a dead one;
- the same record has the same event, offset and replays: the offset alone may be of a deleted log;
- a delivery stands, whatever came after it, because the partner has recorded it.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from hashlib import blake2b
from typing import NamedTuple

DIGEST_BYTES = 16
"""Digests are compared in full, so that no conversion is lost to one that looks like it."""

_ORIGIN_BITS, _ATTEMPTS_BITS, _REPLAYS_BITS, _STATE_BITS = 48, 8, 6, 2
ORIGINS, _MOST_ATTEMPTS, _MOST_REPLAYS = (
    (1 << bits) - 1 for bits in (_ORIGIN_BITS, _ATTEMPTS_BITS, _REPLAYS_BITS)
)
"""The largest numbers that can be remembered; of a larger offset the low bits are."""


class ConversionState(IntEnum):
    """How the newest step of a conversion left it."""

    WAITING = 0
    DEAD = 1
    DELIVERED = 2


# Until Python 3.12, looking up a member by its class costs ten times as much.
WAITING, DEAD, DELIVERED = ConversionState


class RememberedConversion(NamedTuple):
    """What is remembered of a conversion: its state, its source record, and its attempts and replays.

    `origin` is the offset of the source record.
    """

    state: ConversionState
    origin: int
    attempts: int
    replays: int

    def packed(self) -> int:
        """One number of 64 bits; attempts and replays are capped at the most that fits."""
        value = (self.origin & ORIGINS) << _ATTEMPTS_BITS | min(self.attempts, _MOST_ATTEMPTS)
        return (value << _REPLAYS_BITS | min(self.replays, _MOST_REPLAYS)) << _STATE_BITS | self.state

    @classmethod
    def unpacked(cls, value: int) -> RememberedConversion:
        """Read what `packed` made."""
        state, value = ConversionState(value & (1 << _STATE_BITS) - 1), value >> _STATE_BITS
        replays, value = value & _MOST_REPLAYS, value >> _REPLAYS_BITS
        return cls(state, value >> _ATTEMPTS_BITS, value & _MOST_ATTEMPTS, replays)


def packed_delivery(origin: int) -> int:
    """What `packed` makes of a delivery at the first attempt, without replays."""
    return (origin & ORIGINS) << _DELIVERY_BITS | _FIRST_DELIVERY


_DELIVERY_BITS = _ATTEMPTS_BITS + _REPLAYS_BITS + _STATE_BITS
_FIRST_DELIVERY = RememberedConversion(DELIVERED, 0, 1, 0).packed()


class DueRecord(NamedTuple):
    """A record that is due: the offset of its source record, and what its headers say.

    `attempts` is None if unreadable.
    """

    origin: int
    on_tier: bool
    attempts: int | None
    replays: int


class CopyDecision(Enum):
    """What to do with a record."""

    SEND = "send"
    FINISHED = "finished"
    """It has had its ending, or has moved on to another tier: it adds no step."""
    DUPLICATE = "duplicate"


def digest(partition: int, key: bytes) -> bytes:
    """The digest by which a conversion is remembered: of its source partition and the journal's key."""
    return blake2b(b"%d %b" % (partition, key), digest_size=DIGEST_BYTES).digest()


def digest_of_record(event: bytes, offset: int) -> bytes:
    """The digest of a single record, for when its event is remembered for another record."""
    return blake2b(b"%b %d" % (event, offset), digest_size=DIGEST_BYTES, person=b"record").digest()


def follows(
    due: DueRecord, known: RememberedConversion | None, own: RememberedConversion | None = None
) -> CopyDecision:
    """Decide what to do with a record, given what is remembered of its conversion.

    `own` is what is remembered of the record itself if its conversion is remembered for another one.
    """
    if known is None:
        return CopyDecision.SEND
    if is_of(due, known):
        return _of_same(due, known)
    if own is not None and is_of(due, own):
        return _of_same(due, own)
    if due.on_tier:  # another record of the event took its place while it waited
        return CopyDecision.DUPLICATE if known.state is DELIVERED else CopyDecision.SEND
    if known.state is not DELIVERED and due.replays > known.replays:
        return CopyDecision.SEND  # a replay, so the record that it replays is dead
    return CopyDecision.DUPLICATE


def is_of(due: DueRecord, known: RememberedConversion) -> bool:
    """Return whether it is known of this record, or of the one it came from."""
    return due.origin == known.origin and min(due.replays, _MOST_REPLAYS) == known.replays


def _of_same(due: DueRecord, known: RememberedConversion) -> CopyDecision:
    if known.state is not WAITING or not due.on_tier:
        return CopyDecision.FINISHED
    is_behind = due.attempts is not None and due.attempts < known.attempts
    return CopyDecision.FINISHED if is_behind else CopyDecision.SEND


def replaces(new: RememberedConversion, old: RememberedConversion) -> bool:
    """Return whether a step replaces what is remembered of its conversion; steps may arrive out of order."""
    if new.state is DELIVERED or old.state is DELIVERED:
        return old.state is not DELIVERED
    if (new.origin, new.replays) == (old.origin, old.replays):
        return (new.attempts, new.state) >= (old.attempts, old.state)
    return new.replays >= old.replays
