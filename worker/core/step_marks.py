"""From a step in the journal to what is remembered for it.

The rule: what is no step marks nothing, and no step is misread. What a worker writes is read where it lies:
within a string of JSON a quotation mark has a backslash before it, so that `,"origin":"` stands in none.
"""

from __future__ import annotations

import re

from schemas.journal import JournalStep, StepKind, read_step
from worker.core.copies import DEAD, DELIVERED, WAITING, Known, State, digest, digest_of_origin
from worker.core.record import make
from worker.core.remembered_ids import Mark

_BEGINNING = re.compile(rb'\{"at":"[^"]{0,40}","step":"([a-z]{1,16})"')
_END = re.compile(
    rb'(?:,"replays":([0-9]{1,9}))?,"origin":"[^"/]{1,249}/([0-9]{1,10})/([0-9]{1,19})","worker":"'
)
_ATTEMPT = re.compile(rb',"attempt":([0-9]{1,9})')
_STATES: dict[StepKind, State | None] = {
    StepKind.DELIVERED: DELIVERED,
    StepKind.RETRY: WAITING,
    StepKind.DEAD: DEAD,
    StepKind.CANCELLED: DEAD,
    StepKind.DUPLICATE: None,
}
_STATES_BY_WORD = {kind.value.encode(): state for kind, state in _STATES.items()}
_ORIGIN = re.compile(r"[^/]{1,249}/([0-9]{1,10})/([0-9]{1,19})")


def mark_of(key: bytes | None, value: bytes | None, at: float) -> Mark | None:
    """What a record of the journal says, which was written at `at` (epoch seconds); None for no step."""
    if key is None or value is None:
        return None
    beginning = _BEGINNING.match(value)
    end = _END.search(value, max(0, value.rfind(b',"origin":"') - _LONGEST_REPLAYS_BYTES))
    if beginning is None or end is None or beginning[1] not in _STATES_BY_WORD:
        step = read_step(value)
        return None if step is None else _of_step(key, step, at)
    state = _STATES_BY_WORD[beginning[1]]
    attempt = _ATTEMPT.search(value) if state is not DELIVERED else None  # how often is of no matter then
    attempts, replays = int(attempt[1]) if attempt else 0, int(end[1] or 0)
    return _mark(key, state, int(end[2]), int(end[3]), attempts, replays, at)


_LONGEST_REPLAYS_BYTES = len(',"replays":') + 9


def _of_step(key: bytes, step: JournalStep, at: float) -> Mark | None:
    """What a step says that somebody else has written."""
    origin, state = _ORIGIN.fullmatch(step.origin), _STATES[step.step]
    if origin is None:
        return None
    attempts = 0 if state is DELIVERED else step.attempt or 0
    return _mark(key, state, int(origin[1]), int(origin[2]), attempts, step.replays or 0, at)


def _mark(
    key: bytes, state: State | None, partition: int, origin: int, attempts: int, replays: int, at: float
) -> Mark:
    """A copy is remembered as a record alone: its conversion is remembered for another."""
    if state is None:
        its = digest_of_origin(partition, origin)
        return Mark(its, partition, Known(DEAD, origin, attempts, replays), at)
    its = digest(partition, key)
    return make(Mark, (its, partition, make(Known, (state, origin, attempts, replays)), at))
