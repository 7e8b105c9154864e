"""Which run of a command has a plan, as the records of the control topic tell in their order.

The rule: of runs that claim a plan the first has it, until it lets go, or until another takes it from just
that run; who has lost it never gets it back. All who read the same records say the same, and no clock is
asked. A run that is alive writes its claim again and again, each time with a higher beat.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

Raw = tuple[bytes | None, bytes | None]
"""Key and value of a record."""


class Claim(NamedTuple):
    """A run that claims a plan, in the place of the run `after`, and how often it has said so.

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
    """How the keys begin of all claims of a plan."""
    return f"{plan_key}/claim/"


class Holder:
    """Who has a plan, as its claims come, in the topic's order."""

    def __init__(self) -> None:
        self.claim: Claim | None = None
        """The latest claim of the run that has it; None where nobody has."""
        self._lost: set[str | None] = set()

    def take(self, claim: Claim) -> None:
        """Hear of the next claim."""
        held = self.claim
        if claim.run in self._lost or not (held is None or held.run in {claim.run, claim.after}):
            return
        self._lost |= {claim.after} if not claim.is_over else {claim.after, claim.run}
        self.claim = None if claim.is_over else claim


def holder(records: Iterable[Raw], plan_key: str) -> Claim | None:
    """Who has a plan, and its latest claim; None where nobody has. `records` are in the topic's order."""
    prefix, found = prefix_of(plan_key).encode(), Holder()
    for key, value in records:
        claim = read_claim(key[len(prefix) :], value) if key is not None and key.startswith(prefix) else None
        if claim is not None:
            found.take(claim)
    return found.claim


def came_before(records: Iterable[Raw], head: bytes) -> set[bytes]:
    """The keys of the records that were written before the first with this key."""
    before: set[bytes] = set()
    for key, _ in records:
        if key == head:
            break
        before.add(key or b"")
    return before


def read_claim(run: bytes, value: bytes | None) -> Claim | None:
    """Read the claim of a run; None where it is none."""
    try:
        told = json.loads(value or b"")
        after, beat, is_over = told["after"], int(told["beat"]), told["over"] is True
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return Claim(run.decode(errors="replace"), after if isinstance(after, str) else None, beat, is_over)
