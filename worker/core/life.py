"""The life of a conversion, as found in the topics: what happened, and the verdict.

The rule: a verdict claims no more than what was read. A delivery stands, whatever came after it, because the
partner has recorded it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from schemas import JournalStep, StepKind, parse_time
from worker.core.leaderless import no_leader
from worker.core.record import Partition


class LifeVerdict(StrEnum):
    """What became of a conversion."""

    DELIVERED = "delivered"
    WAITING = "waiting"
    OVERDUE = "overdue"
    """It should have been tried again by now."""
    NOT_READ = "not_read"
    """It is published, but the worker has not finished it."""
    REPLAYED = "replayed"
    """It was dead and is on the source again, but the worker has not finished it."""
    DEAD = "dead"
    DUPLICATE = "duplicate"
    CANCELLED = "cancelled"
    UNTOLD = "untold"
    """The worker has finished it, but the journal does not say how."""
    NEVER_PUBLISHED = "never_published"
    NOT_TAKEN = "passed"
    """It is published, but this destination does not take it."""


class SourceRecord(NamedTuple):
    """A source record: where it lies, when it was written (0.0: unknown), and how far the group is.

    `is_finished` says whether the group has finished it; `before` counts unfinished records before it.
    """

    origin: str
    at: float
    replays: int
    is_finished: bool
    before: int


class Life(NamedTuple):
    """What was found of one conversion, in the order of time.

    `is_passed` says that it was published, but this destination takes none of its records. `unread` are the
    partitions that may hold more of it, and have no leader.
    """

    published: Sequence[SourceRecord]
    steps: Sequence[JournalStep]
    is_passed: bool = False
    unread: Sequence[Partition] = ()


class LifeSummary(NamedTuple):
    """A verdict, in a word and in one line; without a word where what can't be read may refute it."""

    verdict: LifeVerdict | None
    line: str


def judge(life: Life, now: float, since: str, per_second: float | None = None) -> LifeSummary:
    """Judge what became of a conversion; `since` is how far back was searched, an age or a time as written.

    `per_second` is how many records of its partition were finished per second lately; None if unknown.
    """
    summary = _of_what_was_read(life, now, since, per_second)
    if not life.unread or summary.verdict is LifeVerdict.DELIVERED:
        return summary
    return LifeSummary(
        None, f"can't be told: {no_leader(life.unread)}; as far as can be read: {summary.line}"
    )


def _of_what_was_read(life: Life, now: float, since: str, per_second: float | None) -> LifeSummary:
    delivered = next((step for step in life.steps if step.step is StepKind.DELIVERED), None)
    if delivered is not None:
        return _delivered(delivered, life)
    ahead = _not_done(life)
    steps = [step for step in life.steps if step.step is not StepKind.DUPLICATE] or life.steps
    last = steps[-1] if steps else None
    if last is not None and last.step is StepKind.RETRY:
        return _waiting(last, now)
    if ahead is not None:
        return _ahead(ahead, last, per_second)
    if last is None:
        return _without_steps(life, since)
    verdict = LifeVerdict(last.step.value)
    if verdict is LifeVerdict.DUPLICATE:
        before = f"before {since}" if _is_moment(since) else f"before, more than {since} ago"
        return LifeSummary(verdict, f"duplicate: it was published {before}")
    return LifeSummary(verdict, f"{verdict}: {_reason(last)}")


def timeline(life: Life) -> list[tuple[float, str]]:
    """Everything that happened, with its time, in order."""
    events = [(one.at, _of_published(number, one)) for number, one in enumerate(life.published)]
    events += [(_moment(step.at), _of_step(step)) for step in life.steps]
    return sorted(events, key=lambda event: event[0])


def in_order(steps: Iterable[JournalStep]) -> list[JournalStep]:
    """Steps in the order of time, without identical duplicates."""
    return sorted(dict.fromkeys(steps), key=lambda step: _moment(step.at))


def _delivered(step: JournalStep, life: Life) -> LifeSummary:
    line = f"delivered at attempt {step.attempt}"
    published = next((one.at for one in life.published if one.origin == step.origin and one.at), None)
    if published is not None:
        line += f", {max(0.0, _moment(step.at) - published):.0f} s after it was published"
    return LifeSummary(LifeVerdict.DELIVERED, line)


def _not_done(life: Life) -> SourceRecord | None:
    """Its newest record that the group has not finished and no step is about."""
    told = {step.origin for step in life.steps}
    open_ones = [one for one in life.published if not one.is_finished and one.origin not in told]
    return open_ones[-1] if open_ones else None


def _ahead(one: SourceRecord, last: JournalStep | None, per_second: float | None) -> LifeSummary:
    if one.before:
        line = f"not yet read: {one.before:,} event{'s' * (one.before != 1)} before it"
        if per_second:
            line += f", about {one.before / per_second:.0f} s"
    else:
        line = "not yet read: none before it; it is the next, or being sent"
    if last is None or last.step not in {StepKind.DEAD, StepKind.CANCELLED}:
        return LifeSummary(LifeVerdict.NOT_READ, line)
    again = "replayed" if one.replays else "published again"
    return LifeSummary(LifeVerdict.REPLAYED, f"{again} after it died ({last.reason}), and {line}")


def _without_steps(life: Life, since: str) -> LifeSummary:
    if life.published:
        why = "it was off, or kept it no longer, or the group began after it, or did not take it then"
        line = f"the worker is done with it, but the journal does not say how: {why}"
        return LifeSummary(LifeVerdict.UNTOLD, line)
    if life.is_passed:
        return LifeSummary(LifeVerdict.NOT_TAKEN, "passed over: this destination does not take it")
    when = f"since {since}" if _is_moment(since) else f"in the last {since}"
    return LifeSummary(LifeVerdict.NEVER_PUBLISHED, f"never published {when}")


def _waiting(step: JournalStep, now: float) -> LifeSummary:
    line = f"waiting for attempt {(step.attempt or 0) + 1}"
    due = None if step.due_at is None else parse_time(step.due_at)
    if due is None or step.due_at is None:
        return LifeSummary(LifeVerdict.WAITING, line)
    line += f", due {step.due_at[11:19]} UTC"
    if due >= now:
        return LifeSummary(LifeVerdict.WAITING, f"{line}, in {due - now:.0f} s")
    return LifeSummary(LifeVerdict.OVERDUE, f"{line}, {now - due:.0f} s ago")


def _of_published(number: int, one: SourceRecord) -> str:
    what = f"replayed ({one.replays})" if one.replays else "published again" if number else "published"
    return f"{what} at {one.origin}"


def _of_step(step: JournalStep) -> str:
    text = step.step.value
    if step.url is not None:
        failure = (
            step.reason if step.step is StepKind.RETRY else "no answer"
        )  # a dead letter's reason says why it died
        answer = step.status if step.status is not None else failure
        text = f"attempt {step.attempt}: {answer} in {step.ms} ms, {step.url}"
        if step.step is not StepKind.DELIVERED:
            text += f"; {step.step.value}"
    if step.tier is not None:
        text += f" in {step.tier}, {'due at once' if step.due_at is None else f'until {step.due_at}'}"
    if step.step in {StepKind.DEAD, StepKind.CANCELLED}:
        text += f": {_reason(step)}"
    if step.step is StepKind.DUPLICATE:
        text += f": {step.origin} is not sent"
    return f"{text}; it answered {step.body!r}" if step.body else text


def _reason(end: JournalStep) -> str:
    """Why a conversion ended; a letter that another program wrote, or cut, may not say it."""
    reason = None if end.reason == end.step.value else end.reason  # the word stands there already
    return ", ".join(filter(None, (reason, end.error))) or "for a reason that is not told"


def _is_moment(text: str) -> bool:
    return parse_time(text) is not None


def _moment(text: str) -> float:
    """A step's time; 0.0 if it is unreadable."""
    return parse_time(text) or 0.0
