"""Explains a conversion of which the journal does not tell, or not all, from the tiers and the dead letters.

The rule: a waiting or dead record holds what its step would say, so it is returned as a step. The journal may
be off, or have been off for a while, and keeps steps for a shorter time than the dead-letter topic keeps
letters.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from schemas.dead_letter import fields_of
from worker.ops.explain_reading import SearchResult, SoughtConversion, in_value
from worker.ops.pending import Pending, in_tiers
from worker.ops.reading import open_topic

if TYPE_CHECKING:
    from schemas import JournalStep, StepKind, WorkerHeaders
    from worker.core.record import Record


class _Stage(NamedTuple):
    """How far a conversion has come, in this order; `attempts` are those of what waits."""

    replays: int
    has_ended: bool = False
    attempts: int = 0


def with_undelivered(found: SearchResult, wanted: SoughtConversion, begin: float) -> SearchResult:
    """Add records that wait in the tiers, or died since a time (epoch seconds), and that no step tells of.

    A letter that was replayed since it died does not tell how the replay went. Raises CannotDo.
    """
    from schemas import StepKind, WorkerHeaders

    known = [(step.event_id, _stage(step)) for step in found.steps if step.step is not StepKind.DUPLICATE]
    for record in found.published:
        replays = WorkerHeaders.read(record.headers).replays or 0
        known.append((fields_of(record.value).get("event_id"), _Stage(replays)))
    furthest: dict[object, _Stage] = {}
    for event_id, stage in known:
        furthest[event_id] = max(furthest.get(event_id, stage), stage)
    steps = [
        step
        for step in _undelivered(found, wanted, begin)
        if step.event_id not in furthest or _stage(step) > furthest[step.event_id]
    ]
    return found._replace(steps=[*found.steps, *steps])


def _stage(step: JournalStep) -> _Stage:
    from schemas import StepKind

    waits = step.step is StepKind.RETRY
    return _Stage(step.replays or 0, not waits, (step.attempt or 0) if waits else 0)


def ids_in_tiers(found: SearchResult, wanted: SoughtConversion) -> set[object]:
    """The event ids of what waits in the tiers of a wanted conversion. Raises CannotDo."""
    waiting = _in_tiers(found, wanted)
    return {fields_of(one.record.value).get("event_id") for one in waiting}


def _in_tiers(found: SearchResult, wanted: SoughtConversion) -> Iterator[Pending]:
    from worker.core.event_filter import EventFilter

    return in_tiers(found.settings, EventFilter.of({wanted.field: wanted.value}), unread=found.unread)


def _undelivered(found: SearchResult, wanted: SoughtConversion, begin: float) -> list[JournalStep]:
    waiting = [_waiting(one) for one in _in_tiers(found, wanted)]
    with open_topic(found.settings, found.settings.dlq_topic) as reader:
        letters = reader.read(reader.spans(begin, unread=found.unread), keep=in_value(wanted))
        return [*waiting, *(_dead(letter) for letter in letters if wanted.is_in(letter.value))]


def _waiting(one: Pending) -> JournalStep:
    from schemas import StepKind, WorkerHeaders, format_time

    headers = WorkerHeaders.read(one.record.headers)
    headers = headers._replace(attempts=headers.attempts or 1)  # as the worker reads a tier's record
    due = None if headers.due_at is None else format_time(headers.due_at)
    return _step(one.record, headers, StepKind.RETRY, one.record.timestamp, tier=one.where, due_at=due)


def _dead(record: Record) -> JournalStep:
    from schemas import DeadReason, StepKind, WorkerHeaders

    headers = WorkerHeaders.read(record.headers)
    kind = StepKind.CANCELLED if headers.reason == DeadReason.CANCELLED else StepKind.DEAD
    return _step(record, headers, kind, headers.dead_at or record.timestamp)


def _step(record: Record, headers: WorkerHeaders, kind: StepKind, at: float, **told: Any) -> JournalStep:
    from schemas import JournalStep, format_time

    ids = {name: fields_of(record.value).get(name) for name in ("event_id", "click_id", "order_id")}
    return JournalStep(
        at=format_time(at),
        step=kind,
        attempt=headers.attempts or None,
        status=headers.status,
        reason=headers.reason,
        error=headers.error,
        origin=headers.origin or record.origin,
        replays=headers.replays,
        **{name: text for name, text in ids.items() if isinstance(text, str)},
        **told,
    )
