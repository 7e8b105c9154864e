"""What is not delivered: what waits in the tiers, and what is dead, told apart by why.

The rule: a conversion counts while it is to be done something about. One that went on from where it lies, or
was replayed, or was delivered all the same, counts no more.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What something undelivered does."""

    WAITING = "waiting"
    """It lies in a tier, until it is due."""
    DEAD = "dead"


class Group(NamedTuple):
    """What is undelivered for the same reason, by the same status and error, and how many (`size`).

    `oldest` and `newest` are when they died, or were last tried (epoch seconds); `due` is when the first of
    what waits is, None for what is dead.
    """

    kind: Kind
    reason: str | None
    status: int | None
    error: str | None
    size: int
    oldest: float
    newest: float
    due: float | None = None
