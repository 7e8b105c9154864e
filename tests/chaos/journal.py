"""Whether the journal and the world agree: its steps beside what the partner and the topics tell. Pure.

The rule: it believes nothing of the worker; a step is what is judged, never what judges.

- `not journaled`: a record that was seen committed before any step of it was in the journal, or one that is
  finished and has no ending there;
- `journal untrue`: a step that tells of a 200 that was never given, of a retry or a dead letter that was not
  in its topic by then, or of a copy of which there is no other; and a 200 of which no step tells, though
  nothing was cut off;
- `journaled twice`: a record of the source with a second ending, whatever was cut off; but the four that
  docs/guarantees.md names: one that was on its way to the journal when its worker was frozen, and was taken
  after another worker's; those of two workers that are taken at the same time, so that neither could know of
  the other, where one had stood still, or where one had the record and the other its retry, as the worker
  that made the retry was killed; and one that lies there twice, word by word, as its acknowledgement was cut
  off.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tests.chaos.cuts import BLINK, BROKER, LEASE, Cut
from tests.chaos.evidence import DEAD, SOURCE, TIER, Hop, Request, Story
from tests.chaos.forks import Fork
from tests.chaos.history import Coverage, History
from tests.chaos.logs import RECORDED, Step
from tests.chaos.twins import NEVER, first_seen, work_seen
from tests.chaos.violations import Violation

DELIVERED, RETRY, DEAD_STEP, DUPLICATE = "delivered", "retry", "dead", "duplicate"
STOP, KILL = "stop", "kill"
SOON = 10.0
"""Seconds after a cut in which a step is taken that was on its way."""
SAME = 0.01
"""Seconds by which one moment may differ, read from two topics."""


def agree(
    told: Sequence[Step],
    stories: Iterable[Story],
    covered: Coverage,
    forks: Mapping[str, Sequence[Fork]],
    history: History,
    cuts: Sequence[Cut] = (),
) -> Iterator[Violation]:
    """What of the steps is not as the partner's log and the topics tell."""
    by_event: defaultdict[str, list[Step]] = defaultdict(list)
    for step in sorted(told, key=lambda step: step.at):
        by_event[step.event].append(step)
    for story in stories:
        steps = by_event[story.event]
        there = [hop for hop in story.hops if history.gone(hop.place) is None]
        left = story._replace(hops=tuple(there))
        for wrong in (
            *_not_journaled(there, story, steps, covered, history),
            *_untrue(story, steps),
            *(() if _is_taken(story, history) else _untold(left, steps, covered, forks[story.event])),
            *_twice(steps, cuts, [cut for cut in cuts if _made_its_retry(cut, story)]),
        ):
            yield Violation(wrong[0], story.event, f"{wrong[1]}; {_tell(steps)}")


def _not_journaled(
    there: Iterable[Hop], story: Story, steps: Sequence[Step], covered: Coverage, history: History
) -> Iterator[tuple[str, str]]:
    """Of what nobody took away; what is gone is passed over."""
    for hop in there:
        # A copy on the source has a step of its own; of a retry that lies twice one of the two has it.
        is_tiers = hop.kind == TIER
        seen = work_seen(hop, story.hops, covered, history) if is_tiers else first_seen(hop, covered)
        if seen == NEVER or hop.kind == DEAD:
            continue
        by_then = (step for step in steps if step.at <= seen + BLINK)
        if not any(_tells_of(step, hop) for step in by_then):
            yield "not journaled", f"{hop} was seen committed at {seen:.3f}"


def _tells_of(step: Step, hop: Hop) -> bool:
    """Whether a step says what became of a record: of a tier's, what came after its retry."""
    if hop.kind == SOURCE:
        return step.origin == _origin(hop)
    return step.step != RETRY or step.attempt > hop.attempts


def _origin(hop: Hop) -> str:
    return f"{hop.topic}/{hop.partition}/{hop.offset}"


def _untrue(story: Story, steps: Sequence[Step]) -> Iterator[tuple[str, str]]:
    for step in steps:
        if step.step == DELIVERED:
            true = any(one.answered is not None and one.answered <= step.at + BLINK for one in story.requests)
        elif step.step == RETRY:
            true = any(_is_there(hop, TIER, step) and hop.attempts == step.attempt for hop in story.hops)
        elif step.step == DUPLICATE:
            true = any(hop.kind == SOURCE and _origin(hop) != step.origin for hop in story.hops)
        else:
            true = step.step != DEAD_STEP or any(_is_there(hop, DEAD, step) for hop in story.hops)
        if not true:
            yield "journal untrue", f"{step.step} at {step.at:.3f}"


def _is_there(hop: Hop, kind: str, step: Step) -> bool:
    return hop.kind == kind and hop.at <= step.at + SAME


def _read(story: Story) -> list[Request]:
    """The requests whose 200 the worker can have read."""
    return [one for one in story.requests if one.answered is not None and one.action != RECORDED]


def _is_taken(story: Story, history: History) -> bool:
    """Whether an event had not ended when its last retry was taken away: nothing ended that is to be told."""
    if _read(story) or any(hop.kind == DEAD for hop in story.hops):
        return False
    retries = [hop for hop in story.hops if hop.kind == TIER]
    return bool(retries) and history.gone(retries[-1].place) is not None


def _untold(
    story: Story, steps: Sequence[Step], covered: Coverage, forks: Sequence[Fork]
) -> Iterator[tuple[str, str]]:
    """Of a story that is over: a source record without an ending, and a 200 that no step tells of."""
    if not all(hop.kind == DEAD or covered.get(hop.place) for hop in story.hops):
        return
    ended = {step.origin for step in steps if step.step != RETRY}
    for hop in story.hops:
        if hop.kind == SOURCE and _origin(hop) not in ended:
            yield "not journaled", f"{hop} has no ending"
    read = _read(story)
    if read and story.hops and not forks and not any(step.step == DELIVERED for step in steps):
        yield "journal untrue", f"no step tells of the 200 at {read[0].answered:.3f}"


def _made_its_retry(cut: Cut, story: Story) -> bool:
    """Whether a worker was killed just after it had made a retry, so that the record lies in two places."""
    asked = [one.at for one in story.requests if one.worker == cut.worker]
    made = [hop.at for hop in story.hops if hop.kind == TIER and cut.since <= hop.at <= cut.start + BLINK]
    return cut.cause == KILL and bool(asked and made) and min(asked) <= max(made)


def _twice(steps: Sequence[Step], cuts: Sequence[Cut], forked: Sequence[Cut]) -> Iterator[tuple[str, str]]:
    ends: defaultdict[str, list[Step]] = defaultdict(list)
    for step in steps:
        if step.step != RETRY:
            ends[step.origin].append(step)
    for origin, endings in ends.items():
        if len(endings) > 1 and not all(_is_named(one, endings[0], cuts, forked) for one in endings[1:]):
            yield "journaled twice", f"{origin} has {len(endings)} endings"


def _is_named(late: Step, first: Step, cuts: Sequence[Cut], forked: Sequence[Cut]) -> bool:
    """Whether the page of guarantees names why an ending came late beside the first one."""
    away = (cut for cut in cuts if cut.cause == STOP or cut.cause.startswith(BROKER))
    near = [cut for cut in away if cut.start - BLINK <= late.at <= cut.end + SOON]
    if late.worker == first.worker:
        is_same = late.worker != "" and late._replace(at=first.at) == first
        return is_same and any(late.said <= cut.start + BLINK for cut in near)
    if any(late.at - first.at <= _round_trip(cut) for cut in (*near, *forked)):
        return True
    frozen = (cut for cut in near if cut.cause == STOP and cut.start <= first.at)
    return any(_was_on_its_way(late, cut) for cut in frozen)


def _was_on_its_way(late: Step, frozen: Cut) -> bool:
    """Whether a step was noted before its worker was frozen, and taken as soon as that went on."""
    resumed = frozen.end - LEASE
    return late.said <= frozen.start + BLINK and resumed - BLINK <= late.at <= resumed + _round_trip(frozen)


def _round_trip(cut: Cut) -> float:
    """How many seconds a worker's step took at most to be where others read it, as busy as the run was."""
    return cut.start - cut.tick


def _tell(steps: Sequence[Step]) -> str:
    return "; ".join(f"{one.at:.3f} {one.step} attempt={one.attempt}" for one in steps) or "no step"
