"""The checker: from evidence to violations of the promise. Pure.

The rule: it believes nothing but what was logged by others than the worker, and what lies in the topics.

- `lost`: an acknowledged event without an ending;
- `committed unfinished`: what lies below a committed offset, or in its map, had not ended by then;
- `backwards`: something that was committed is not committed any more;
- `early`: a request before the due time of the retry that it is;
- `resent`: a second request of the same worker with no retry between them, while its circuit can't be open;
- `duplicate`: a second ending that no kill, stop or absence of the broker explains.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from tests.chaos.cuts import ANYBODY, Cut, Span, find_cuts, partner_away
from tests.chaos.evidence import DEAD, SOURCE, TIER, Evidence, Hop, Story
from tests.chaos.logs import Committed, Deed
from worker.core import finished

# What may lie between two lines of different processes' logs about the same moment.
BLINK = 0.05
# The circuit's least number of failures, and how long one may still count, in seconds: its window, and the
# probes after it. With fewer than these it is closed, and no attempt goes uncounted.
CIRCUIT_FAILURES, CIRCUIT_MEMORY = 10, 20.0
# A partner that refuses connections sees no requests; each worker is taken to fail this often a second then.
REFUSED_RATE = 10

Place = tuple[str, int, int]


class Violation(NamedTuple):
    """One broken promise, of an event or a partition, with what shows it."""

    kind: str
    subject: str
    evidence: str


class Verdict(NamedTuple):
    """What came out of a run; `explained` counts second endings by their cause."""

    events: int
    delivered: int
    dead: int
    explained: Mapping[str, int]
    violations: Sequence[Violation]
    longest_pause: float

    def count(self, kind: str) -> int:
        """How many violations of a kind there are."""
        return sum(violation.kind == kind for violation in self.violations)


class Attempt(NamedTuple):
    """Work on a record; it may have ended sooner than `ended`."""

    begun: float
    ended: float
    worker: str


class Fork(NamedTuple):
    """An attempt whose record may be worked on a second time."""

    at: float
    cause: str


def check(evidence: Evidence, timeout: float) -> Verdict:
    """Judge a run; `timeout` in seconds is the longest that a request takes."""
    stories = evidence.stories.values()
    covered, backwards = cover(evidence.commits)
    forks = find_forks(stories, find_cuts(evidence.deeds, evidence.states), covered, timeout)
    explained: Counter[str] = Counter()
    failures = failures_by_worker(stories, evidence.deeds)
    violations = [*backwards, *lost(stories), *committed_unfinished(stories, covered)]
    for story in stories:
        violations.extend(early(story, forks[story.event]))
        violations.extend(resent(story, forks[story.event], failures))
        violations.extend(duplicates(story, forks[story.event], explained))
    return Verdict(
        sum(story.acknowledged for story in stories),
        sum(any(request.answered for request in story.requests) for story in stories),
        sum(any(hop.kind == DEAD for hop in story.hops) for story in stories),
        dict(explained),
        violations,
        longest_pause(stories),
    )


def cover(commits: Iterable[Committed]) -> tuple[dict[Place, float], list[Violation]]:
    """When each record was first seen committed, and where commits went back."""
    covered: dict[Place, float] = {}
    violations = []
    last: dict[tuple[str, int], tuple[int, frozenset[int]]] = {}
    for commit in commits:
        at = (commit.topic, commit.partition)
        offset, above = last.get(at, (0, frozenset()))
        now_above = _finished_above(commit)
        gone = [known for known in above if known >= commit.offset and known not in now_above]
        if commit.offset < offset or gone:
            what = (
                f"from {offset} to {commit.offset}" if commit.offset < offset else f"{len(gone)} of the map"
            )
            violations.append(Violation("backwards", f"{commit.topic}/{commit.partition}", what))
        for done in (*range(offset, commit.offset), *now_above):
            covered.setdefault((*at, done), commit.at)
        last[at] = commit.offset, now_above
    return covered, violations


def _finished_above(commit: Committed) -> frozenset[int]:
    """The offsets that the map in the commit's metadata tells of."""
    try:
        known = finished.read(commit.metadata).finished
    except finished.DamagedMap:
        return frozenset()
    if known is None:
        return frozenset()
    return frozenset(range(commit.offset, known.upto)) - frozenset(known.holes)


def endings(story: Story) -> list[float]:
    """When the event ended, in order: once, if all went well."""
    answered = [request.answered for request in story.requests if request.answered is not None]
    return sorted([*answered, *(hop.at for hop in story.hops if hop.kind == DEAD)])


def lost(stories: Iterable[Story]) -> Iterator[Violation]:
    """Acknowledged events without an ending."""
    for story in stories:
        if story.acknowledged and not endings(story):
            yield Violation("lost", story.event, tell(story))


def committed_unfinished(stories: Iterable[Story], covered: Mapping[Place, float]) -> Iterator[Violation]:
    """Records that were committed before their 200, their acknowledged retry or their dead letter."""
    for story in stories:
        for hop in story.hops:
            if _ended(hop, story) > _seen(hop, covered) + BLINK:
                yield Violation("committed unfinished", f"{story.event} at {hop}", tell(story))


def _ended(hop: Hop, story: Story) -> float:
    """When a record had its ending; never, where it has none."""
    onward = (other.at for other in story.hops if other.kind == DEAD or other.attempts > hop.attempts)
    answered = (request.answered for request in story.requests if request.answered is not None)
    return min((*onward, *answered), default=float("inf"))


def find_forks(
    stories: Iterable[Story], cuts: Sequence[Cut], covered: Mapping[Place, float], timeout: float
) -> dict[str, list[Fork]]:
    """For each event the attempts whose record a cut may have sent round again, in order."""
    forks = {}
    for story in stories:
        attempts = sorted((*_seen_attempts(story, timeout), *_unseen_attempts(story)))
        cut_off = ((attempt, _cut_of(attempt, story, cuts, covered)) for attempt in attempts)
        forks[story.event] = [Fork(attempt.begun, cut.cause) for attempt, cut in cut_off if cut is not None]
    return forks


def _seen_attempts(story: Story, timeout: float) -> Iterator[Attempt]:
    for request in story.requests:
        ended = request.at + timeout if request.answered is None else request.answered
        yield Attempt(request.at, ended, request.worker)


def _unseen_attempts(story: Story) -> Iterator[Attempt]:
    """Attempts that failed before the partner could see a request; a retry or a dead letter tells of them.

    A request that got its 200 led to neither: what was published after it was another worker's attempt.
    """
    asked = [request.at for request in story.requests if request.answered is None]
    for before, hop in pairwise(story.hops):
        if not any(before.at <= at <= hop.at for at in asked):
            yield Attempt(before.at, hop.at, ANYBODY)


def _cut_of(
    attempt: Attempt, story: Story, cuts: Sequence[Cut], covered: Mapping[Place, float]
) -> Cut | None:
    seen = max((_seen(hop, covered) for hop in _worked_on(attempt, story, covered)), default=float("inf"))
    hits = (cut for cut in cuts if cut.hits(*attempt) and seen >= cut.start)
    return next(hits, None)


def _worked_on(attempt: Attempt, story: Story, covered: Mapping[Place, float]) -> Iterator[Hop]:
    """The records that the attempt may have been for: the last one, and those not yet seen committed by then.

    A kill sends a record round again whose retry is published already: then there are two of the event.
    """
    before = [hop for hop in story.hops if hop.at <= attempt.begun]
    yield from before[-1:]
    yield from (hop for hop in before[:-1] if _seen(hop, covered) >= attempt.begun)


def _seen(hop: Hop, covered: Mapping[Place, float]) -> float:
    """When a record was first seen committed; never, where it was not."""
    return covered.get((hop.topic, hop.partition, hop.offset), float("inf"))


def _record_of(at: float, story: Story) -> Hop | None:
    """The record that was worked on at this moment: the last one before it."""
    before = [hop for hop in story.hops if hop.at <= at]
    return before[-1] if before else None


def early(story: Story, forks: Sequence[Fork]) -> Iterator[Violation]:
    """Requests before they were due; after a fork the record before may rightly be at work again."""
    forked = min((fork.at for fork in forks), default=float("inf"))
    for request in story.requests:
        hop = _record_of(request.at, story)
        if request.at < forked and hop is not None and hop.kind == TIER and request.wall < hop.due:
            yield Violation("early", story.event, f"{hop.due - request.wall:.3f} s; {tell(story)}")


def failures_by_worker(stories: Iterable[Story], deeds: Sequence[Deed]) -> dict[str, list[float]]:
    """When each worker had requests that were not answered with a 200, in order."""
    refused = [at for span in partner_away(deeds) for at in _ticks(span, 1 / REFUSED_RATE)]
    failures: defaultdict[str, list[float]] = defaultdict(refused.copy)
    for story in stories:
        for request in story.requests:
            times = failures[request.worker]
            if request.answered is None:
                times.append(request.at)
    return {worker: sorted(times) for worker, times in failures.items()}


def _ticks(span: Span, step: float) -> Iterator[float]:
    return (span.start + number * step for number in range(int((span.end - span.start) / step)))


def resent(
    story: Story, forks: Sequence[Fork], failures: Mapping[str, Sequence[float]]
) -> Iterator[Violation]:
    """Requests sent again by a worker itself, with no retry published between."""
    for first, second in pairwise(story.requests):
        if first.worker != second.worker or any(fork.at <= second.at for fork in forks):
            continue
        times = failures.get(first.worker, ())
        recent = bisect_right(times, second.at) - bisect_left(times, second.at - CIRCUIT_MEMORY)
        between = any(first.at < hop.at <= second.at for hop in story.hops if hop.kind != SOURCE)
        if not between and recent < CIRCUIT_FAILURES:
            yield Violation("resent", story.event, tell(story))


def duplicates(story: Story, forks: Sequence[Fork], explained: Counter[str]) -> Iterator[Violation]:
    """Second endings that nothing explains; those that a fork explains are counted by its cause."""
    for number, ended in enumerate(endings(story)[1:]):
        before = [fork for fork in forks if fork.at <= ended]
        if number < len(before):
            explained[before[number].cause] += 1
        else:
            yield Violation("duplicate", story.event, tell(story))


def longest_pause(stories: Iterable[Story]) -> float:
    """The longest time between two endings while events came in, in seconds."""
    came = sorted(hop.at for story in stories for hop in story.hops if hop.kind == SOURCE)
    ended = sorted(at for story in stories for at in endings(story) if came and at <= came[-1])
    return max((later - sooner for sooner, later in pairwise(ended)), default=0.0)


def tell(story: Story) -> str:
    """What happened to an event, in one line."""
    marks = [
        (hop.at, f"{hop.kind} {hop}" + (f" attempts={hop.attempts}" if hop.attempts else ""))
        for hop in story.hops
    ]
    for request in story.requests:
        marks.append((request.at, f"{request.worker} asks: {request.action}"))
        if request.answered is not None:
            marks.append((request.answered, "200 written"))
    return "; ".join(f"{at:.3f} {what}" for at, what in sorted(marks)) or "nothing at all"
