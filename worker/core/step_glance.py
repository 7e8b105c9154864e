"""What a step says at a glance: what became of a record, and by which answer.

The rule: a step is read by a few words of its bytes, for a part of what reading it whole costs, and the same
comes of it. Within a string of JSON a quotation mark has a backslash before it, so that `,"status":` stands
in none.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from schemas.journal import JournalStep, StepKind, read_step


class Glance(NamedTuple):
    """What became of a record: `answer` is the status, or the kind of failure, of an attempt; else None.

    `reason` is why it waits or died.
    """

    kind: StepKind
    answer: str | None
    reason: str | None


_BEGINNING = re.compile(rb'\{"at":"[^"]{0,40}","step":"([a-z]{1,16})"')
_STATUS = re.compile(rb',"status":([0-9]{1,9})')
_REASON = re.compile(rb',"reason":"([a-z_]{1,32})"')
_MILLISECONDS = b',"ms":'
_KINDS = {kind.value.encode(): kind for kind in StepKind}
_DELIVERED = Glance(StepKind.DELIVERED, "delivered", None)
"""Of a delivery nothing more need be known."""


def glance(value: bytes | None) -> Glance | None:
    """Read a record of the journal; None for what is no step. Never raises."""
    beginning = _BEGINNING.match(value) if value is not None else None
    kind = _KINDS.get(beginning[1]) if beginning is not None else None
    if kind is None or value is None:
        step = read_step(value)
        return None if step is None else _of_step(step)
    if kind is StepKind.DELIVERED:
        return _DELIVERED
    reason = _text(_REASON, value)
    if _MILLISECONDS not in value:
        return Glance(kind, None, reason)
    return Glance(kind, _text(_STATUS, value) or reason, reason)


def _of_step(step: JournalStep) -> Glance:
    if step.step is StepKind.DELIVERED:
        return _DELIVERED
    if step.ms is None:
        return Glance(step.step, None, step.reason)
    return Glance(step.step, str(step.status) if step.status is not None else step.reason, step.reason)


def _text(pattern: re.Pattern[bytes], value: bytes) -> str | None:
    found = pattern.search(value)
    return None if found is None else found[1].decode()
