"""What is said of the life of a conversion."""

from __future__ import annotations

from typing import Any

import pytest

from schemas import JournalStep, StepKind, format_time, parse_time
from worker.core.life import Life, LifeVerdict, SourceRecord, in_order, judge, timeline
from worker.core.record import Partition

NOW = 1_700_000_000.0
HERE, LATER = "conversions/1/7", "conversions/1/9"
DONE = SourceRecord(HERE, NOW - 100.0, 0, True, 0)
AHEAD = DONE._replace(is_finished=False)
URL = "https://partner.example/?click_id=c"


def step(kind: StepKind, ago: float, origin: str = HERE, **fields: Any) -> JournalStep:
    """A step of so many seconds ago."""
    return JournalStep(at=format_time(NOW - ago), step=kind, origin=origin, **fields)


def retry(ago: float, attempt: int = 1, due_in: float = 10.0) -> JournalStep:
    """A retry that is due in so many seconds from now."""
    due_at = format_time(NOW + due_in)
    return step(StepKind.RETRY, ago, attempt=attempt, status=503, tier="10s", due_at=due_at, ms=12, url=URL)


DELIVERED = step(StepKind.DELIVERED, 39.0, attempt=2, status=200, ms=23, url=URL)
DEAD = step(StepKind.DEAD, 50.0, reason="invalid", error='payout "1,0"')
COPY = step(StepKind.DUPLICATE, 5.0, LATER)
CANCELLED = step(StepKind.CANCELLED, 5.0, reason="cancelled", error="by order")
DUE = format_time(NOW + 10.0)[11:19]
PASSED = format_time(NOW - 40.0)[11:19]
NEXT = "not yet read: none before it; it is the next, or being sent"
UNTOLD = (
    "the worker is done with it, but the journal does not say how: "
    "it was off, or kept it no longer, or the group began after it, or did not take it then"
)
REPLAY = SourceRecord(LATER, NOW - 10.0, 1, False, 0)


@pytest.mark.parametrize(
    ("published", "steps", "verdict", "line"),
    [
        ([DONE], [DELIVERED], "delivered", "delivered at attempt 2, 61 s after it was published"),
        ([], [DELIVERED], "delivered", "delivered at attempt 2"),
        ([DONE._replace(at=0.0)], [DELIVERED], "delivered", "delivered at attempt 2"),
        (
            [DONE._replace(at=NOW)],
            [DELIVERED],
            "delivered",
            "delivered at attempt 2, 0 s after it was published",
        ),
        (
            [DONE, REPLAY],
            [step(StepKind.DELIVERED, 7.0, LATER, attempt=1)],
            "delivered",
            "delivered at attempt 1, 3 s after it was published",
        ),
        (
            [DONE],
            [retry(99.0), DELIVERED, COPY],
            "delivered",
            "delivered at attempt 2, 61 s after it was published",
        ),
        ([DONE], [retry(9.0, 2)], "waiting", f"waiting for attempt 3, due {DUE} UTC, in 10 s"),
        ([DONE], [retry(9.0), COPY], "waiting", f"waiting for attempt 2, due {DUE} UTC, in 10 s"),
        (
            [DONE],
            [retry(90, 1, -40)],
            "overdue",
            f"waiting for attempt 2, due {PASSED} UTC, 40 s ago",
        ),
        ([DONE], [step(StepKind.RETRY, 9.0)], "waiting", "waiting for attempt 1"),
        ([AHEAD._replace(before=4211)], [], "not_read", "not yet read: 4,211 events before it, about 20 s"),
        ([AHEAD._replace(before=1)], [], "not_read", "not yet read: 1 event before it, about 0 s"),
        ([AHEAD], [], "not_read", NEXT),
        ([AHEAD], [retry(1.0)], "waiting", f"waiting for attempt 2, due {DUE} UTC, in 10 s"),
        ([DONE], [DEAD], "dead", 'dead: invalid, payout "1,0"'),
        (
            [DONE, REPLAY],
            [DEAD],
            "replayed",
            f"replayed after it died (invalid), and {NEXT}",
        ),
        (
            [DONE, REPLAY],
            [CANCELLED],
            "replayed",
            f"replayed after it died (cancelled), and {NEXT}",
        ),
        (
            [DONE, REPLAY._replace(replays=0)],
            [DEAD],
            "replayed",
            f"published again after it died (invalid), and {NEXT}",
        ),
        (
            [DONE, REPLAY._replace(replays=0)],
            [retry(9.0)],
            "waiting",
            f"waiting for attempt 2, due {DUE} UTC, in 10 s",
        ),
        ([DONE], [step(StepKind.DEAD, 9.0)], "dead", "dead: for a reason that is not told"),
        ([], [COPY], "duplicate", "duplicate: it was published before, more than 48h ago"),
        ([DONE], [CANCELLED], "cancelled", "cancelled: by order"),
        (
            [DONE],
            [],
            "untold",
            UNTOLD,
        ),
        ([], [], "never_published", "never published in the last 48h"),
    ],
)
def test_verdict(published: list[SourceRecord], steps: list[JournalStep], verdict: str, line: str) -> None:
    """Each life comes to one verdict, in a word and a line."""
    assert judge(Life(published, steps), NOW, "48h", 210.0) == (LifeVerdict(verdict), line)


def test_passed_over() -> None:
    """What is published and is not this destination's is told as that, not as never published."""
    told = judge(Life([], [], is_passed=True), NOW, "48h")
    assert told == (LifeVerdict.NOT_TAKEN, "passed over: this destination does not take it")


def test_since_a_time() -> None:
    """How far back was looked is told as it was asked for, which may be a time."""
    since = "2026-01-31T12:00:00Z"
    assert judge(Life([], []), NOW, since).line == f"never published since {since}"
    assert judge(Life([], [COPY]), NOW, since).line == f"duplicate: it was published before {since}"


def test_without_a_pace() -> None:
    """How long it takes is not said where nothing tells it."""
    assert judge(Life([AHEAD._replace(before=2)], []), NOW, "48h").line == "not yet read: 2 events before it"


def test_an_end_without_an_answer() -> None:
    """An attempt that ended all, and was not answered, is told as that: the reason is the ending's."""
    last = retry(1.0).model_copy(
        update={
            "step": StepKind.DEAD,
            "status": None,
            "reason": "exhausted",
            "error": "all used up",
            "tier": None,
        }
    )
    ((_, what),) = timeline(Life([], [last]))
    assert what == f"attempt 1: no answer in 12 ms, {URL}; dead: exhausted, all used up"


def test_timeline() -> None:
    """What happened is told in the order of time, each attempt with its answer."""
    refused = retry(80.0).model_copy(update={"body": "try again"})
    failed = retry(79.0).model_copy(update={"status": None, "reason": "timeout"})
    again = SourceRecord("conversions/1/8", NOW - 60.0, 0, True, 0)
    steps = in_order([DELIVERED, COPY, DEAD, refused, failed])
    life = Life([DONE, again, REPLAY], steps)
    until = f"in 10s, until {format_time(NOW + 10.0)}"
    assert [what for _, what in timeline(life)] == [
        f"published at {HERE}",
        f"attempt 1: 503 in 12 ms, {URL}; retry {until}; it answered 'try again'",
        f"attempt 1: timeout in 12 ms, {URL}; retry {until}",
        "published again at conversions/1/8",
        'dead: invalid, payout "1,0"',
        f"attempt 2: 200 in 23 ms, {URL}",
        f"replayed (1) at {LATER}",
        f"duplicate: {LATER} is not sent",
    ]
    assert timeline(life)[0][0] == NOW - 100.0
    assert parse_time(steps[0].at) == NOW - 80.0


def test_unreadable_times() -> None:
    """A step whose times can't be read, or that has none, is told all the same."""
    odd = retry(9.0).model_copy(update={"at": "noon", "due_at": "soon"})
    undue = retry(1.0).model_copy(update={"due_at": None})
    assert timeline(Life([], in_order([undue, odd]))) == [
        (0.0, f"attempt 1: 503 in 12 ms, {URL}; retry in 10s, until soon"),
        (NOW - 1.0, f"attempt 1: 503 in 12 ms, {URL}; retry in 10s, due at once"),
    ]
    assert judge(Life([DONE], [odd]), NOW, "48h") == (LifeVerdict.WAITING, "waiting for attempt 2")


def test_written_twice() -> None:
    """A step that lies in the journal twice, word by word, is told once; another ending beside it is told."""
    assert in_order([DEAD, DELIVERED, DEAD]) == in_order([DEAD, DELIVERED])
    steps = in_order([DELIVERED, DELIVERED, DEAD])
    assert judge(Life([], steps), NOW, "48h").verdict is LifeVerdict.DELIVERED


def test_unread_partitions() -> None:
    """Where a partition that can't be read may refute it there is no verdict, but what is known is told."""
    unread = [Partition("g.journal", 1)]
    dead = judge(Life([DONE], [DEAD], unread=unread), NOW, "48h")
    never = judge(Life([], [], unread=unread), NOW, "48h")
    assert (dead.verdict, never.verdict) == (None, None)
    why = "can't be told: g.journal/1: no leader; as far as can be read: "
    assert dead.line == f'{why}dead: invalid, payout "1,0"'
    assert never.line == f"{why}never published in the last 48h"


def test_delivered_all_the_same() -> None:
    """No partition that can't be read refutes a delivery."""
    life = Life([DONE], [DELIVERED], unread=[Partition("g.journal", 1)])
    assert judge(life, NOW, "48h") == judge(life._replace(unread=()), NOW, "48h")
