"""Explained conversions as rows and as one object.

The rule: nothing is read here, and nothing is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schemas import format_time
from worker.ops.explain import Explanation
from worker.ops.explain_reading import SoughtConversion


def rows(explained: Iterable[Explanation]) -> list[dict[str, object]]:
    """A row for each thing that happened."""
    return [
        {"at": format_time(at) if at else None, "what": what}
        for one in explained
        for at, what in one.timeline
    ]


def as_json(explained: Sequence[Explanation], wanted: SoughtConversion) -> dict[str, object]:
    """One object: the newest conversion, with all others under `others`."""
    *others, newest = [_as_object(one) for one in explained]
    return {wanted.field: wanted.value, **newest, **({"others": others} if others else {})}


def _as_object(one: Explanation) -> dict[str, object]:
    published = [
        {"origin": of.origin, "at": format_time(of.at) if of.at else None, "replays": of.replays}
        for of in one.life.published
    ]
    return {
        "event_id": one.event_id,
        "destination": one.destination,
        "verdict": one.summary.verdict,
        "line": one.summary.line,
        "unread": [str(at) for at in one.life.unread],
        "published": published,
        "steps": [step.model_dump(mode="json", exclude_none=True) for step in one.life.steps],
    }
