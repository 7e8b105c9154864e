"""The checker: from evidence to violations of the promise. Pure.

The rule: it believes nothing but what was logged by others than the worker, and what lies in the topics.

- `lost`: an acknowledged event without an ending, whose last record nobody took away;
- `committed unfinished`: what lies below a committed offset, or in its map, had not ended by then, nor does
  another record stand for the same work (`twins`);
- `backwards`: something that was committed is not committed any more;
- `early`: a request before the due time of the retry that it is;
- `resent`: a second request of the same worker with no retry between, where its circuit can't have been open;
- `duplicate`: a second ending that no row of README's table explains, and that is not a copy's own;
- what the journal says, where it has one, is judged by `journal`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from tests.chaos.circuits import Circuits
from tests.chaos.cuts import BLINK, RoundTrips, find_cuts
from tests.chaos.evidence import DEAD, NOTHING, SOURCE, TIER, Evidence, Hop, Story
from tests.chaos.forks import Fork, find_forks
from tests.chaos.history import Coverage, History, Known, LogPlace, after, told_by
from tests.chaos.journal import agree
from tests.chaos.logs import Committed
from tests.chaos.rows import Row
from tests.chaos.twins import work_seen
from tests.chaos.violations import Violation


class Verdict(NamedTuple):
    """What came out of a run.

    `explained` counts second endings by the row of README's table that names them, `gone` the events that
    never ended and were taken away with their log, by what took it.
    """

    events: int
    delivered: int
    dead: int
    explained: Mapping[Row, int]
    gone: Mapping[str, int]
    violations: Sequence[Violation]
    longest_pause: float

    @property
    def twice(self) -> int:
        """How many second endings there were that a row explains."""
        return sum(self.explained.values())

    def count(self, kind: str) -> int:
        """How many violations of a kind there are."""
        return sum(violation.kind == kind for violation in self.violations)


def check(evidence: Evidence, timeout: float, drain: float) -> Verdict:
    """Judge a run; `timeout` in seconds is the longest that a request takes, `drain` that a drain does."""
    stories, history = evidence.stories.values(), evidence.history
    covered, backwards = cover(evidence.commits, history)
    cuts = find_cuts(evidence.deeds, evidence.states, drain, RoundTrips(evidence.trips))
    forks = find_forks(stories, cuts, covered, history, timeout)
    explained: Counter[Row] = Counter()
    gone: Counter[str] = Counter()
    circuits = Circuits(stories, evidence.deeds)
    violations = [*backwards, *lost(stories, history, gone), *committed_unfinished(stories, covered, history)]
    for story in stories:
        violations.extend(early(story, forks[story.event]))
        violations.extend(resent(story, forks[story.event], circuits))
        violations.extend(duplicates(story, forks[story.event], explained))
    if evidence.steps is not None:
        violations.extend(agree(evidence.steps, stories, covered, forks, history, cuts))
    return Verdict(
        sum(story.acknowledged for story in stories),
        sum(any(request.answered for request in story.requests) for story in stories),
        sum(any(hop.kind == DEAD for hop in story.hops) for story in stories),
        dict(explained),
        dict(gone),
        violations,
        longest_pause(stories),
    )


def cover(commits: Iterable[Committed], history: History = NOTHING) -> tuple[Coverage, list[Violation]]:
    """When each record was seen committed, and where commits went back by themselves."""
    covered: defaultdict[LogPlace, list[float]] = defaultdict(list)
    violations = []
    last: dict[tuple[str, int], tuple[float, Known]] = {}
    for commit in commits:
        if not history.tells(commit):
            continue
        at = (commit.topic, commit.partition)
        before, known = last.get(at, (float("-inf"), Known()))
        known, now = after(known, history.since(commit, before)), told_by(commit)
        if why := _went_back(known, now):
            violations.append(Violation("backwards", f"{commit.topic}/{commit.partition}", why))
        for done in (*range(known.offset, now.offset), *now.above):
            if done not in known.above:
                covered[history.place(*at, done, commit.at)].append(commit.at)
        last[at] = commit.at, now
    return covered, violations


def _went_back(known: Known, now: Known) -> str:
    """Say what was committed and is not any more; nothing where all of it is."""
    if now.offset < known.offset:
        return f"from {known.offset} to {now.offset}"
    gone = sum(offset >= now.offset and offset not in now.above for offset in known.above)
    return f"{gone} of the map" if gone else ""


def endings(story: Story) -> list[float]:
    """When the event ended, in order: once, if all went well."""
    answered = [request.answered for request in story.requests if request.answered is not None]
    return sorted([*answered, *(hop.at for hop in story.hops if hop.kind == DEAD)])


def lost(stories: Iterable[Story], history: History, gone: Counter[str]) -> Iterator[Violation]:
    """Acknowledged events without an ending; those whose last record others took away are counted apart."""
    for story in stories:
        if not story.acknowledged or endings(story):
            continue
        taken = history.gone(story.hops[-1].place) if story.hops else None
        if taken is None:
            yield Violation("lost", story.event, tell(story))
        else:
            gone[taken.what] += 1


def committed_unfinished(
    stories: Iterable[Story], covered: Coverage, history: History
) -> Iterator[Violation]:
    """Records that were committed before their 200, their acknowledged retry or their dead letter."""
    for story in stories:
        for hop in story.hops:
            seen = work_seen(hop, story.hops, covered, history)
            if _ended(hop, story) > seen + BLINK and not _taken(hop, seen, history):
                yield Violation("committed unfinished", f"{story.event} at {hop}", tell(story))


def _taken(hop: Hop, seen: float, history: History) -> bool:
    """Whether the record had been taken away when it was seen committed."""
    taken = history.gone(hop.place)
    return taken is not None and taken.before <= seen


def _ended(hop: Hop, story: Story) -> float:
    """When a record had its ending; never, where it has none."""
    onward = (other.at for other in story.hops if other.kind == DEAD or other.attempts > hop.attempts)
    answered = (request.answered for request in story.requests if request.answered is not None)
    return min((*onward, *answered), default=float("inf"))


def _record_of(at: float, story: Story) -> Hop | None:
    """The record that was worked on at this moment: the last one before it."""
    before = [hop for hop in story.hops if hop.at <= at]
    return before[-1] if before else None


def early(story: Story, forks: Sequence[Fork]) -> Iterator[Violation]:
    """Requests before they were due; after a fork the record before may rightly be at work again."""
    forked = min((fork.at for fork in _without_retry(forks)), default=float("inf"))
    for request in story.requests:
        hop = _record_of(request.at, story)
        if request.at < forked and hop is not None and hop.kind == TIER and request.wall < hop.due:
            yield Violation("early", story.event, f"{hop.due - request.wall:.3f} s; {tell(story)}")


def resent(story: Story, forks: Sequence[Fork], circuits: Circuits) -> Iterator[Violation]:
    """Requests sent again by a worker itself, with no retry published between."""
    for first, second in pairwise(story.requests):
        if first.worker != second.worker or any(fork.at <= second.at for fork in _without_retry(forks)):
            continue
        between = any(first.at < hop.at <= second.at for hop in story.hops if hop.kind != SOURCE)
        if not between and not circuits.may_be_open(second.worker, first.at, second.at):
            yield Violation("resent", story.event, tell(story))


def _without_retry(forks: Sequence[Fork]) -> Iterator[Fork]:
    """The forks that have the same record worked on again; an answer that was not read leads to a retry."""
    return (fork for fork in forks if fork.row is not Row.CLOSED)


def duplicates(story: Story, forks: Sequence[Fork], explained: Counter[Row]) -> Iterator[Violation]:
    """Second endings that nothing explains; those that a fork explains are counted by its row.

    Of what can't be sent each record of the source has a dead letter of its own, copies too.
    """
    own = 1 if story.requests else max(1, sum(hop.kind == SOURCE for hop in story.hops))
    for number, ended in enumerate(endings(story)[own:]):
        before = [fork for fork in forks if fork.at <= ended]
        if number < len(before):
            explained[before[number].row] += 1
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
