"""What is counted of the last hour."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from schemas.journal import StepKind
from worker.core.flow import RecentAttempts
from worker.core.last_hour import LastHour, Minute, PublishedByMinute, minutes_of
from worker.core.step_glance import StepGlance

NOW = 1_790_000_010.0
"""Half a minute past a full one."""

DELIVERED = StepGlance(StepKind.DELIVERED, "delivered", None)
RETRY = StepGlance(StepKind.RETRY, "500", "status")
DEAD = StepGlance(StepKind.DEAD, "404", "rejected")
CANCELLED = StepGlance(StepKind.CANCELLED, None, None)
DUPLICATE = StepGlance(StepKind.DUPLICATE, None, None)
GLANCES = st.sampled_from([DELIVERED, RETRY, DEAD, CANCELLED, DUPLICATE])


def test_a_minute_says_what_happened() -> None:
    """Steps are counted by their minute: attempts by their answer, what died by its reason."""
    hour = LastHour()
    for seen in (DELIVERED, DELIVERED, RETRY, DEAD, CANCELLED, DUPLICATE):
        hour.take(seen, NOW)
    last = hour.minutes(NOW, {NOW - 30: 8})[-1]
    assert last == Minute(NOW - 30, 8, 2, {"500": 1, "404": 1}, 1, {"rejected": 1, "cancelled": 1}, 1)


@given(st.lists(st.tuples(GLANCES, st.floats(-4000, 0))))
def test_each_is_counted_once_within_the_hour(taken: list[tuple[StepGlance, float]]) -> None:
    """What lies within the last sixty minutes is counted once; what lies before it is not."""
    hour, first = LastHour(), minutes_of(NOW)[0]
    for seen, back in taken:
        hour.take(seen, NOW + back)
    minutes = hour.minutes(NOW, {})
    kinds = Counter(seen.kind for seen, back in taken if NOW + back >= first)
    assert [minute.at for minute in minutes] == minutes_of(NOW)
    assert sum(minute.delivered for minute in minutes) == kinds[StepKind.DELIVERED]
    assert sum(minute.waiting for minute in minutes) == kinds[StepKind.RETRY]
    assert sum(minute.duplicates for minute in minutes) == kinds[StepKind.DUPLICATE]
    dead = sum(sum(minute.dead.values()) for minute in minutes)
    assert dead == kinds[StepKind.DEAD] + kinds[StepKind.CANCELLED]


def test_a_step_that_is_ahead_is_in_no_minute_yet() -> None:
    """A broker's clock may be ahead: what it wrote is counted once its minute has come."""
    hour = LastHour()
    hour.take(DELIVERED, NOW + 60)
    assert sum(minute.delivered for minute in hour.minutes(NOW, {})) == 0
    assert hour.minutes(NOW + 60, {})[-1].delivered == 1


def test_the_latest() -> None:
    """What happens now is told of a few seconds, with the time of the newest step."""
    hour = LastHour()
    assert hour.latest(NOW, 15.0) == RecentAttempts(15.0)
    hour.take(RETRY, NOW - 300)
    hour.take(RETRY, NOW - 3)
    hour.take(DELIVERED, NOW - 4)
    assert hour.latest(NOW, 15.0) == RecentAttempts(15.0, 1, {"500": 1}, NOW - 3)


def test_published() -> None:
    """What came to the source is told of minutes both ends of which are known, up to now."""
    published, first = PublishedByMinute(), NOW - 30
    assert published.unknown(NOW)[:2] == [first, first - 60]
    assert published.by_minute() == {}
    published.know(first, 100)
    published.know(first - 60, 70)
    published.know(first - 240, 10)
    published.end(NOW, 105)
    assert published.by_minute() == {first: 5, first - 60: 30}
    assert first not in published.unknown(NOW)
    published.end(NOW + 3600, 105)
    assert published.unknown(NOW + 3600) == minutes_of(NOW + 3600)[::-1]
    assert published.by_minute() == {}


def test_a_source_that_was_made_anew_published_nothing_below_zero() -> None:
    """Where a source is shorter than it was, nothing is said to have come."""
    published = PublishedByMinute()
    published.know(NOW - 30, 100)
    published.end(NOW, 3)
    assert published.by_minute() == {NOW - 30: 0}
