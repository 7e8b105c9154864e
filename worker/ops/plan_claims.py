"""Which run of a command holds a plan, decided by the order of records on the control topic.

The rule: the first run to claim a plan holds it until it lets go, or until another run takes it from exactly
that one; a run that has lost it never gets it back. All readers of the same records agree, and no clock is
involved. A live run repeats its claim, each time with a higher beat.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

Raw = tuple[bytes | None, bytes | None]
"""Key and value of a record."""


class Claim(NamedTuple):
    """A run's claim of a plan, which may take over from the run `after`; `beat` counts its repetitions.

    With `is_over` it lets go.
    """

    run: str
    after: str | None = None
    beat: int = 0
    is_over: bool = False

    def record(self, plan_key: str) -> tuple[bytes, bytes]:
        """Key and value of its record."""
        value = {"after": self.after, "beat": self.beat, "over": self.is_over}
        return (prefix_of(plan_key) + self.run).encode(), json.dumps(value).encode()


def prefix_of(plan_key: str) -> str:
    """The prefix of the keys of a plan's claims."""
    return f"{plan_key}/claim/"


class PlanHolder:
    """Who holds a plan; takes its claims in the topic's order."""

    def __init__(self) -> None:
        self.claim: Claim | None = None
        """The latest claim of the holder; None if nobody holds it."""
        self._lost: set[str | None] = set()

    def take(self, claim: Claim) -> None:
        """Take the next claim."""
        held = self.claim
        if claim.run in self._lost or not (held is None or held.run in {claim.run, claim.after}):
            return
        self._lost |= {claim.after} if not claim.is_over else {claim.after, claim.run}
        self.claim = None if claim.is_over else claim


def holder(records: Iterable[Raw], plan_key: str) -> Claim | None:
    """The latest claim of a plan's holder, or None. `records` are in the topic's order."""
    prefix, found = prefix_of(plan_key).encode(), PlanHolder()
    for key, value in records:
        claim = read_claim(key[len(prefix) :], value) if key is not None and key.startswith(prefix) else None
        if claim is not None:
            found.take(claim)
    return found.claim


def came_before(records: Iterable[Raw], head: bytes) -> set[bytes]:
    """The keys of the records before the first one with this key."""
    before: set[bytes] = set()
    for key, _ in records:
        if key == head:
            break
        before.add(key or b"")
    return before


def read_claim(run: bytes, value: bytes | None) -> Claim | None:
    """Read the claim of a run; None if it is none."""
    try:
        told = json.loads(value or b"")
        after, beat, is_over = told["after"], int(told["beat"]), told["over"] is True
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return Claim(run.decode(errors="replace"), after if isinstance(after, str) else None, beat, is_over)
