"""Whether names of destinations mean other networks than before, by where each has sent to.

The rule: a name counts as another network's only if its destination left an origin to which another one of
these settings sends by now, and nobody who sent there before still does. One of several that share a partner
may leave it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple


class TakenOrigin(NamedTuple):
    """An origin to which the destination `name` has sent, and where `other` sends now in its place."""

    name: str
    origin: str
    other: str


def taken_origins(before: Mapping[str, str], now: Mapping[str, Collection[str]]) -> Iterator[TakenOrigin]:
    """The origins that others took, by the names of both.

    `before` is where each has sent to last, as far as known; `now` is where each sends by the settings.
    """
    kept = {origin for name, origin in before.items() if origin in now[name]}
    for name, origin in sorted(before.items()):
        others = [other for other, origins in sorted(now.items()) if origin in origins]
        if origin not in kept and others:
            yield TakenOrigin(name, origin, others[0])
