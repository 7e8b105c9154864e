"""A broken promise: what every check of a run gives."""

from __future__ import annotations

from typing import NamedTuple


class Violation(NamedTuple):
    """One broken promise, of an event or a partition, with what shows it."""

    kind: str
    subject: str
    evidence: str
