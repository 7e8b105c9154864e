"""What must be true of a world after a storm, whatever happened: each rule names those who broke it.

The rule: what physics forces is excused by name (`Storm.excused`, `told_twice`, `left`); nothing else is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from schemas import JournalStep, StepKind
from schemas.moment import parse_time
from tests.runner.harness import DLQ, SOURCE
from tests.sim.storm import CANCELLED, OFFERS, Storm

_HOW_EXACT_SECONDS = 0.002


def broken(storm: Storm) -> list[str]:
    """Every rule that does not hold, a line each."""
    endings: dict[str, list[JournalStep]] = {}
    for step in storm.steps:
        if step.step is not StepKind.RETRY:
            endings.setdefault(step.origin, []).append(step)
    return [
        *storm.faults,
        *_unsettled(storm),
        *_without_one_ending(storm, endings),
        *_lost_or_twice(storm),
        *_without_letter(storm),
        *_early(storm),
        *_dropped_amiss(storm),
    ]


def _unsettled(storm: Storm) -> Iterator[str]:
    for at, behind in storm.behind().items():
        if behind:
            yield f"{at} stands {behind} before its end"
    for member in storm.members:
        yield from member.unrest


def _without_one_ending(storm: Storm, endings: dict[str, list[JournalStep]]) -> Iterator[str]:
    twice = {f"e-{number}" for number in storm.told_twice}
    for record in storm.kafka.records(SOURCE):
        place = f"{record.at}/{record.offset}"
        ended = endings.get(place, [])
        is_excused = place in storm.left or any(one.event_id in {None, *twice} for one in ended)
        if not ended or (len(ended) > 1 and not is_excused):
            yield f"{place} has {len(ended)} endings: {[f'{s.event_id} {s.step} {s.worker}' for s in ended]}"


def _lost_or_twice(storm: Storm) -> Iterator[str]:
    given_up = {step.event_id for step in storm.steps if step.step in (StepKind.DEAD, StepKind.CANCELLED)}
    for number in storm.homes:
        times = storm.recorded[number]
        if times > 1 and number not in storm.excused:
            yield f"e-{number} was recorded {times} times"
        if not times and f"e-{number}" not in given_up:
            yield f"e-{number} is lost"


def _without_letter(storm: Storm) -> Iterator[str]:
    letters = Counter(record.value for record in storm.kafka.records(DLQ))
    source = {f"{record.at}/{record.offset}": record.value for record in storm.kafka.records(SOURCE)}
    for step in storm.steps:
        if step.step in (StepKind.DEAD, StepKind.CANCELLED) and not letters[source[step.origin]]:
            yield f"{step.origin} is told to be {step.step}, and there is no letter"


def _early(storm: Storm) -> Iterator[str]:
    steps = [step for step in storm.steps if step.event_id not in {f"e-{n}" for n in storm.excused}]
    due: dict[tuple[str | None, int], float] = {}
    for step in steps:
        if step.step is StepKind.RETRY and step.attempt is not None and step.due_at is not None:
            due[step.event_id, step.attempt + 1] = parse_time(step.due_at) or 0.0
    for step in steps:
        if step.attempt is not None and step.ms is not None:
            began = (parse_time(step.at) or 0.0) - step.ms / 1000
            is_hurried = (storm.numbers.get(step.origin), step.attempt) in storm.hurried
            if not is_hurried and began < due.get((step.event_id, step.attempt), 0.0) - _HOW_EXACT_SECONDS:
                yield f"{step.event_id} was sent before it was due"


def _dropped_amiss(storm: Storm) -> Iterator[str]:
    """What is cancelled of the offer of which only what waits is ever dropped."""
    for step in storm.steps:
        number = storm.numbers.get(step.origin, CANCELLED)
        if step.step is StepKind.CANCELLED and number % OFFERS != CANCELLED and number not in storm.dropped:
            yield f"{step.origin} is cancelled, and did not wait when the order was given"
