"""Offsets of our partitions that the broker refuses, and when each is dealt with.

The rule: a partition is moved at most once within a pause that grows, so no offset is reset in a loop.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from confluent_kafka import KafkaError

from worker.adapters.kafka.loop_bridge import Epoch
from worker.core.record import Partition

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
"""Seconds between two moves of one partition."""

CALM_AFTER_SECONDS = 120.0
"""Seconds after the last move until the pause starts over."""

# Only these words of the client say where the epochs diverged.
_PARTED = re.compile(r"broker end offset is (-?[0-9]+)")


class UnusableOffset(NamedTuple):
    """An offset that can't be read; `parted` is where its leader epoch ended, if the client says so."""

    epoch: Epoch
    tried: int
    parted: int | None


class _Moves(NamedTuple):
    made: int
    last: float


class UnusableOffsets:
    """Used by the poll thread alone; times are monotonic."""

    def __init__(self) -> None:
        self._waiting: dict[Partition, UnusableOffset] = {}
        self._moves: dict[Partition, _Moves] = {}

    def note(self, unusable: UnusableOffset) -> None:
        """Keep an offset until it is due."""
        self._waiting[unusable.epoch.at] = unusable

    def due(self, now: float, waits: Callable[[Partition], bool] = lambda _at: False) -> list[UnusableOffset]:
        """Those to deal with now; each counts as a move, whether or not it is made.

        Except partitions for which `waits` says that earlier records are still held: those go first.
        """
        due = [at for at in self._waiting if not waits(at) and self._is_due(at, now)]
        for at in due:
            self._moves[at] = _Moves(self._made(at, now) + 1, now)
        return [self._waiting.pop(at) for at in due]

    def _made(self, at: Partition, now: float) -> int:
        made, last = self._moves.get(at, _Moves(0, now))
        return 0 if now - last >= CALM_AFTER_SECONDS else made

    def _is_due(self, at: Partition, now: float) -> bool:
        made = self._made(at, now)
        return not made or now - self._moves[at].last >= min(
            FIRST_PAUSE_SECONDS * 2 ** (made - 1), LONGEST_PAUSE_SECONDS
        )


def parted_at(error: KafkaError) -> int | None:
    """Where the log diverged from the one that was read; None if the error does not say."""
    match = _PARTED.search(error.str())
    return int(match[1]) if match and int(match[1]) >= 0 else None
