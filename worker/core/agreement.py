"""Whether a group's coordinator and a member agree on which partitions the member has.

The rule: they may differ while a change is under way. Only a difference that stands unchanged through all
looks for long is one that the member will never hear of. Pure: time is an argument.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import NamedTuple

from worker.core.record import Partition

STANDS_SECONDS = 30.0
"""Seconds that a difference stands; a broker lets heartbeats, and their answers, take 15 s each at most."""

LONGEST_SECONDS = 480.0
"""The same for a difference that joining anew does not end: it costs a drain each time."""

_NONE: frozenset[Partition] = frozenset()


class CoordinatorView(NamedTuple):
    """A member's partitions according to the coordinator: those it has, and those it is to have."""

    assigned: AbstractSet[Partition]
    target: AbstractSet[Partition]


class Agreement:
    """Of one member, for good: it may join anew."""

    def __init__(self) -> None:
        self._astray: AbstractSet[Partition] = _NONE
        self._since = 0.0
        self._stands = STANDS_SECONDS

    def look(
        self, view: CoordinatorView | None, held: AbstractSet[Partition], now: float
    ) -> AbstractSet[Partition]:
        """Name the partitions that the member was not told of; `view` is None if it is unknown."""
        astray = _NONE if view is None else (view.assigned - held) | (held - view.target)
        if view is None or astray != self._astray:
            self._astray, self._since = astray, now
        if now - self._since < self._stands:
            return _NONE
        self._since = now
        self._stands = min(2 * self._stands, LONGEST_SECONDS) if astray else STANDS_SECONDS
        return astray
