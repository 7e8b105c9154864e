"""The faults of a run, dealt by a seed.

The rule: the same seed and length deal the same faults at the same times to the same slots. Every kind of the
table comes as often as it says; the heavy ones take turns, so that any three seeds in a row have all of them.
"""

from __future__ import annotations

import random
from typing import NamedTuple


class Fault(NamedTuple):
    """What happens `at` seconds after the start, for `length` seconds; `slot` says to which worker."""

    at: float
    kind: str
    slot: int
    length: float

    def __str__(self) -> str:
        where = f" of slot {self.slot}" if self.kind in WORKER_FAULTS else ""
        return f"{self.at:6.1f} s  {self.kind}{where}, {self.length:.1f} s"


class Kind(NamedTuple):
    """How often a kind comes in a long and in a short run, and how long it lasts, in seconds."""

    long: int
    short: int
    shortest: float
    longest: float


HEAVY = Kind(0, 0, 0.0, 0.0)
WORKER_FAULTS = {"kill", "stop", "term", "slow replacement"}
KINDS = {
    "kill": Kind(6, 3, 0.0, 4.0),  # until it is started again
    "stop": Kind(2, 1, 7.5, 10.0),  # beyond the session timeout
    "term": Kind(1, 1, 0.0, 1.0),
    "rolling deploy": Kind(1, 0, 0.0, 0.0),
    "slow deploy": Kind(1, 0, 0.0, 0.0),
    "slow replacement": Kind(1, 1, 0.0, 0.0),
    "worker added": Kind(1, 0, 8.0, 15.0),
    "broker kill": Kind(1, 1, 0.0, 3.0),
    "broker restart": Kind(1, 0, 0.0, 0.0),
    "broker stop": Kind(2, 0, 2.0, 9.0),
    "outage": Kind(2, 1, 3.0, 8.0),
    "slow": Kind(2, 1, 3.0, 8.0),
    "errors": Kind(2, 1, 2.0, 5.0),
    "reset": Kind(2, 1, 2.0, 5.0),
    "hang": Kind(1, 0, 2.0, 5.0),
    "partitions added": Kind(1, 1, 0.0, 0.0),
    "poison run": Kind(1, 0, 0.0, 0.0),
    "busy clicks": Kind(1, 1, 10.0, 20.0),
    "source re-made, longer": HEAVY,
    "source re-made, shorter": HEAVY,
    "tier re-made": HEAVY,
    "dead letters re-made": HEAVY,
    "offsets set": HEAVY,
    "offsets edited": Kind(0, 0, 2.0, 3.0),
    "offsets deleted": HEAVY,
    "log truncated": HEAVY,
    "retention passed": Kind(0, 0, 1.0, 2.0),
}
TURNS = (
    ("source re-made, longer", "retention passed", "offsets edited"),
    ("source re-made, shorter", "dead letters re-made", "offsets deleted"),
    ("log truncated", "tier re-made", "offsets set"),
)
"""The heavy faults of a seed, by its remainder; a short run has the first of them."""
EARLY = frozenset({"source re-made, longer"})
"""While the old log is short: the new one is filled until it is longer."""


def deal(seed: int, seconds: float, slots: int, *, short: bool, several: bool = False) -> list[Fault]:
    """Deal the faults of a run whose faults begin within `seconds`, in the order of their times.

    With `several` destinations nobody touches logs and offsets: there workers and networks are at issue.
    """
    chance = random.Random(seed)
    kinds = [name for name, kind in KINDS.items() for _ in range(kind.short if short else kind.long)]
    turn = () if several else TURNS[seed % len(TURNS)]
    kinds += turn[:1] if short else turn
    chance.shuffle(kinds)
    kinds.sort(key=lambda name: name not in EARLY)
    gap = seconds / len(kinds)
    return [
        Fault(
            at=(number + chance.random()) * gap,
            kind=name,
            slot=chance.randrange(slots),
            length=chance.uniform(KINDS[name].shortest, KINDS[name].longest),
        )
        for number, name in enumerate(kinds)
    ]
