"""From a journal step to what is remembered of it.

The rule: only steps leave marks, and no step is misread. A worker's own form is read in place
(`worker/core/step_bytes.py`); any other is parsed.
"""

from __future__ import annotations

from schemas.journal import JournalStep, StepKind, read_step
from worker.core.copies import (
    DEAD,
    DELIVERED,
    WAITING,
    ConversionState,
    RememberedConversion,
    digest,
    digest_of_record,
)
from worker.core.place import read_place
from worker.core.record import make
from worker.core.remembered_ids import StepMark
from worker.core.step_bytes import (
    ATTEMPT,
    DELIVERED_AT_TIME_END,
    END,
    LONGEST_REPLAYS_BYTES,
    ORIGIN_NAME,
    REPLAYS,
    REPLAYS_NAME,
    TIME_END,
    TIME_NAME,
    kind_of,
)

_STATES: dict[StepKind, ConversionState | None] = {
    StepKind.DELIVERED: DELIVERED,
    StepKind.RETRY: WAITING,
    StepKind.DEAD: DEAD,
    StepKind.CANCELLED: DEAD,
    StepKind.DUPLICATE: None,
}
_STATES_BY_WORD = {kind.value.encode(): state for kind, state in _STATES.items()}


def mark_of(key: bytes | None, value: bytes | None, at: float) -> StepMark | None:
    """The mark of a journal record written at `at` (epoch seconds); None if it is no step."""
    if key is None or value is None:
        return None
    place = value.rfind(ORIGIN_NAME)
    end = END.match(value, place) if place >= 0 else None
    is_delivery = value.startswith(DELIVERED_AT_TIME_END, TIME_END) and value.startswith(TIME_NAME)
    word = b"delivered" if is_delivery else kind_of(value)
    if end is None or word not in _STATES_BY_WORD:
        step = read_step(value)
        return None if step is None else _of_step(key, step, at)
    state = _STATES_BY_WORD[word]
    attempt = ATTEMPT.search(value) if state is not DELIVERED else None  # the number does not matter then
    replayed = value.find(REPLAYS_NAME, max(0, place - LONGEST_REPLAYS_BYTES), place)
    replays = 0 if replayed < 0 else _replays(value, replayed)
    attempts = int(attempt[1]) if attempt else 0
    return _mark(key, state, int(end[2]), int(end[3]), attempts, replays, at)


def _replays(value: bytes, place: int) -> int:
    replays = REPLAYS.match(value, place)
    return 0 if replays is None else int(replays[1])


def _of_step(key: bytes, step: JournalStep, at: float) -> StepMark | None:
    """The mark of a step that another program has written."""
    origin, state = read_place(step.origin), _STATES[step.step]
    if origin is None:
        return None
    attempts = 0 if state is DELIVERED else max(0, step.attempt or 0)
    return _mark(key, state, origin.at.number, origin.offset, attempts, max(0, step.replays or 0), at)


def _mark(
    key: bytes,
    state: ConversionState | None,
    partition: int,
    origin: int,
    attempts: int,
    replays: int,
    at: float,
) -> StepMark:
    """A copy is remembered only as a record, because its conversion is remembered for another one."""
    its = digest(partition, key)
    if state is None:
        return StepMark(
            digest_of_record(its, origin),
            partition,
            RememberedConversion(DEAD, origin, attempts, replays),
            at,
        )
    return make(
        StepMark, (its, partition, make(RememberedConversion, (state, origin, attempts, replays)), at)
    )
