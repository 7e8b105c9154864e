"""Which events may end once more than once, from when on, and what explains it: the forks of each.

The rule: a fork is one piece of work that may be done a second time, so it explains one more ending. A cut
forks the work that was under way in its window and not seen committed before it; what was done to a log or an
offset forks exactly the records that it sends round again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from tests.chaos.cuts import ANYBODY, BLINK, Cut
from tests.chaos.evidence import Hop, Story
from tests.chaos.history import OFFSETS, REMADE, Coverage, History
from tests.chaos.logs import RECORDED, Intervention
from tests.chaos.rows import INTERVENTIONS, Row, row_of

NOTICED = 4.0
"""Seconds within which a busy worker has noticed that a topic was made again: it looks once a second."""
CUT_SHORT = 0.5
"""An answer that took a timeout but for so many seconds may not have been read."""


class Attempt(NamedTuple):
    """Work on a record; it may have ended sooner than `ended`."""

    begun: float
    ended: float
    worker: str


class Fork(NamedTuple):
    """From this moment on a record of the event may be worked on a second time."""

    at: float
    row: Row


def find_forks(
    stories: Iterable[Story],
    cuts: Sequence[Cut],
    covered: Coverage,
    history: History,
    timeout: float,
) -> dict[str, list[Fork]]:
    """For each event the forks, in order."""
    interventions = history.all
    return {
        story.event: sorted(
            (
                *_cut_off(story, cuts, covered, history, timeout),
                *_unheard(story, timeout),
                *_sent_round(story, interventions, history),
            ),
            key=lambda fork: fork.at,
        )
        for story in stories
    }


def _cut_off(
    story: Story, cuts: Sequence[Cut], covered: Coverage, history: History, timeout: float
) -> Iterator[Fork]:
    """Attempts whose record a cut may have sent round again."""
    for attempt in sorted((*_seen_attempts(story, timeout), *_unseen_attempts(story))):
        cut = _cut_of(attempt, story, cuts, covered, history)
        if cut is not None:
            yield Fork(attempt.begun, row_of(cut, attempt.begun, attempt.ended, story))


def _unheard(story: Story, timeout: float) -> Iterator[Fork]:
    """Attempts that the partner recorded, and whose answer was not read."""
    for request in story.requests:
        if request.answered is None:
            continue
        if request.action == RECORDED:
            yield Fork(request.at, Row.CLOSED)
        elif request.answered - request.at >= timeout - CUT_SHORT:
            yield Fork(request.at, Row.IN_FLIGHT)


def _sent_round(story: Story, interventions: Sequence[Intervention], history: History) -> Iterator[Fork]:
    """Records above an offset that was set, and what was sent of a new log before it was known."""
    for hop in story.hops:
        for one in interventions:
            if (hop.topic, hop.partition) != (one.topic, one.partition):
                continue
            if one.what in OFFSETS and _lies_above(hop, one, history) and _was_tried(hop, story, one.before):
                yield Fork(one.at, INTERVENTIONS[one.what])
            elif one.what == REMADE and _is_of(hop, one, history):
                tried = (at for at in _tries(hop, story) if one.before <= at <= one.at + NOTICED)
                yield from (Fork(at, Row.REMADE) for at in list(tried)[:1])


def _lies_above(hop: Hop, one: Intervention, history: History) -> bool:
    """Whether the record lay in the log at this moment, at the offset that was set or above."""
    there = history.place(hop.topic, hop.partition, hop.offset, one.at)
    return hop.offset >= one.offset and hop.at <= one.at and there == hop.place


def _is_of(hop: Hop, one: Intervention, history: History) -> bool:
    """Whether the record is of the log that was made here."""
    return history.place(hop.topic, hop.partition, hop.offset, one.at) == hop.place


def _was_tried(hop: Hop, story: Story, before: float) -> bool:
    return any(at <= before for at in _tries(hop, story))


def _tries(hop: Hop, story: Story) -> Iterator[float]:
    """When the event was worked on after this record was there: a request, or what was published for it."""
    yield from (request.at for request in story.requests if request.at >= hop.at - BLINK)
    yield from (other.at for other in story.hops if other.at > hop.at)


def _seen_attempts(story: Story, timeout: float) -> Iterator[Attempt]:
    for request in story.requests:
        ended = request.at + timeout if request.answered is None else request.answered
        yield Attempt(request.at, ended, request.worker)


def _unseen_attempts(story: Story) -> Iterator[Attempt]:
    """Attempts that failed before the partner could see a request; a retry or a dead letter tells of them.

    A request that got its 200 led to neither: what was published after it was another worker's attempt.
    """
    asked = [one.at for one in story.requests if one.answered is None or one.action == RECORDED]
    for before, hop in pairwise(story.hops):
        if not any(before.at <= at <= hop.at for at in asked):
            yield Attempt(before.at, hop.at, ANYBODY)


def _cut_of(
    attempt: Attempt, story: Story, cuts: Sequence[Cut], covered: Coverage, history: History
) -> Cut | None:
    def seen(hop: Hop) -> float:
        """When the record was first seen committed, since an offset was set; never, where it was not."""
        since = history.set_before(hop.place, attempt.begun)
        return next((at for at in covered.get(hop.place, ()) if at >= since), float("inf"))

    committed = max(map(seen, _worked_on(attempt, story, seen)), default=float("inf"))
    return next((cut for cut in cuts if cut.hits(*attempt) and committed >= cut.start), None)


def _worked_on(attempt: Attempt, story: Story, seen: Callable[[Hop], float]) -> Iterator[Hop]:
    """The records that the attempt may have been for: the last one, and those not yet seen committed by then.

    A kill sends a record round again whose retry is published already: then there are two of the event.
    """
    before = [hop for hop in story.hops if hop.at <= attempt.begun]
    yield from before[-1:]
    yield from (hop for hop in before[:-1] if seen(hop) >= attempt.begun)
