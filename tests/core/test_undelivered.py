"""What is held of what is not delivered: beside a plain model, and by example."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.offset_map import OffsetMap
from worker.core.record import Partition
from worker.core.undelivered import (
    MOST_GROUPS,
    OTHER_ERRORS,
    GroupKey,
    TimedPlace,
    Undelivered,
    UndeliveredEntry,
    UndeliveredGroup,
    UndeliveredState,
    newest,
)
from worker.core.undelivered_rows import Fate

DLQ, TIER = Partition("g.dlq", 0), Partition("g.retry.10s", 0)
REJECTED = GroupKey(UndeliveredState.DEAD, "rejected", 404, "HTTP 404")
EXPIRED = GroupKey(UndeliveredState.DEAD, "expired", None, "too late")
FAILED = GroupKey(UndeliveredState.WAITING, "status", 500, "HTTP 500")
FOREVER = (float("-inf"), float("inf"))


def letter(at: float, identity: int, replays: int = 0, key: GroupKey = REJECTED) -> UndeliveredEntry:
    """What a dead letter tells."""
    return UndeliveredEntry(key, at, None, identity, replays)


def retry(at: float, identity: int, due: float = 99.0, key: GroupKey = FAILED) -> UndeliveredEntry:
    """What a record of a tier tells."""
    return UndeliveredEntry(key, at, due, identity)


def sizes(held: Undelivered) -> dict[GroupKey, int]:
    """How many count, by group."""
    return {group.key: group.size for group in held.groups()}


def test_groups_say_why_how_many_and_when() -> None:
    """What is undelivered is grouped by kind, reason, status and error; the most first."""
    held = Undelivered(100)
    held.take(DLQ, 0, letter(5.0, 1))
    held.take(DLQ, 1, letter(3.0, 2))
    held.take(DLQ, 4, letter(4.0, 3))
    held.take(DLQ, 5, letter(8.0, 4, key=EXPIRED))
    held.take(TIER, 0, retry(6.0, 5, due=20.0))
    held.take(TIER, 1, retry(7.0, 6, due=17.0))
    assert held.groups() == [
        UndeliveredGroup(*REJECTED, 3, 3.0, 5.0),
        UndeliveredGroup(*FAILED, 2, 6.0, 7.0, 17.0),
        UndeliveredGroup(*EXPIRED, 1, 8.0, 8.0),
    ]


def test_what_was_delivered_counts_no_more() -> None:
    """A delivery ends what waited, or was dead; also where it was heard of first, at the beginning."""
    held = Undelivered(100)
    held.delivered(1)
    held.take(DLQ, 0, letter(1.0, 1))
    held.take(DLQ, 1, letter(1.0, 2))
    held.take(TIER, 0, retry(1.0, 3))
    held.delivered(3)
    assert sizes(held) == {REJECTED: 2}
    held.read_whole()
    held.delivered(7)
    assert sizes(held) == {REJECTED: 1}
    assert held.key_of(DLQ, 0) is Fate.DELIVERED
    assert held.key_of(DLQ, 1) == REJECTED


def test_what_is_heard_of_too_early_is_bounded() -> None:
    """Of what is delivered before it is told of no more is kept than may be held."""
    held = Undelivered(1)
    held.delivered(1)
    held.delivered(2)
    held.take(DLQ, 0, letter(1.0, 2))
    held.read_whole()
    assert sizes(held) == {REJECTED: 1}


def test_what_was_replayed_counts_no_more() -> None:
    """A letter that a plan has sent, or that is seen on the source again, says so; others are left."""
    held = Undelivered(100)
    for offset in range(4):
        held.take(DLQ, offset, letter(1.0, offset + 1, replays=offset))
    held.replayed(DLQ, [0, 9])
    held.replayed(TIER, [0])
    held.replayed_as(2, 2)
    held.replayed_as(3, 2)
    held.replayed_as(99, 1)
    assert [held.key_of(DLQ, offset) for offset in range(4)] == [
        Fate.REPLAYED,
        Fate.REPLAYED,
        REJECTED,
        REJECTED,
    ]


def test_a_retry_is_no_letter_that_was_replayed() -> None:
    """What waits already is not ended by the replay that brought it there."""
    held = Undelivered(100)
    held.take(TIER, 0, retry(1.0, 1))
    held.replayed_as(1, 1)
    assert sizes(held) == {FAILED: 1}


def test_a_conversion_counts_where_it_was_last() -> None:
    """What died after it waited is dead; what was replayed and died again is dead once."""
    held = Undelivered(100)
    held.take(TIER, 0, retry(1.0, 1))
    held.take(DLQ, 0, letter(2.0, 1))
    assert sizes(held) == {REJECTED: 1}
    held.take(DLQ, 1, letter(3.0, 1, replays=1, key=EXPIRED))
    assert sizes(held) == {EXPIRED: 1}
    assert held.key_of(TIER, 0) is Fate.ENDED
    assert held.key_of(DLQ, 0) is Fate.REPLAYED
    assert held.place_of(1) == TimedPlace(3.0, DLQ, 1)
    held.take(TIER, 1, retry(2.5, 1))
    assert sizes(held) == {EXPIRED: 1}
    assert held.place_of(2) is None


def test_a_record_is_taken_once() -> None:
    """What is read again, after the broker was away, counts once."""
    held = Undelivered(100)
    held.take(DLQ, 0, letter(1.0, 1))
    held.take(DLQ, 0, letter(1.0, 1))
    assert sizes(held) == {REJECTED: 1}
    held.replayed(DLQ, [0])
    held.take(DLQ, 0, letter(1.0, 1))
    assert sizes(held) == {}


def test_what_the_group_is_done_with_waits_no_more() -> None:
    """A retry waits until its group is done with it: below the position, or by its map."""
    held = Undelivered(100)
    for offset in range(6):
        held.take(TIER, offset, retry(1.0, offset + 1))
    held.finish(TIER, 2, OffsetMap(5, (3,)))
    assert [place.offset for place in held.places({FAILED}, *FOREVER)] == [3, 5]
    assert held.key_of(TIER, 0) is None
    assert held.key_of(TIER, 2) is Fate.ENDED
    held.finish(TIER, 6)
    held.finish(DLQ, 6, OffsetMap(7, ()))
    assert sizes(held) == {}
    assert held.place_of(1) is None


def test_what_expired_is_gone() -> None:
    """What lies before the first record of its topic is not held any more."""
    held = Undelivered(100)
    held.take(DLQ, 0, letter(1.0, 1))
    held.take(DLQ, 1, letter(2.0, 1, replays=1))
    held.expire(DLQ, 1)
    held.expire(TIER, 1)
    assert [place.offset for place in held.places({REJECTED}, *FOREVER)] == [1]
    assert held.key_of(DLQ, 0) is held.key_of(TIER, 0) is None


def test_no_more_is_held_than_may_be() -> None:
    """For want of room the first of the longest partition are forgotten, and those that counted are told."""
    held = Undelivered(3)
    held.take(DLQ, 0, letter(1.0, 1))
    held.take(DLQ, 1, letter(1.0, 2))
    held.take(TIER, 0, retry(1.0, 3))
    held.replayed(DLQ, [0])
    held.take(TIER, 1, retry(1.0, 4))
    assert held.forgotten == 0
    held.take(TIER, 2, retry(1.0, 5))
    assert held.forgotten == 1
    assert sizes(held) == {REJECTED: 1, FAILED: 2}


def test_errors_are_bounded() -> None:
    """Of very many errors those that come late are one group."""
    held = Undelivered(2 * MOST_GROUPS)
    for number in range(MOST_GROUPS + 5):
        held.take(DLQ, number, letter(1.0, number, key=REJECTED._replace(error=f"at {number}")))
    assert held.groups()[0].key == REJECTED._replace(error=OTHER_ERRORS)
    assert held.groups()[0].size == 5
    assert len(held.keys) == MOST_GROUPS + 1


def test_places_are_found_by_group_and_time() -> None:
    """Places of some groups within a time are found; the newest of them are first."""
    held = Undelivered(100)
    for offset in range(5):
        held.take(DLQ, offset, letter(float(offset), offset, key=REJECTED if offset else EXPIRED))
    found = list(held.places({REJECTED}, 1.0, 3.0))
    assert newest(found, 2) == [TimedPlace(3.0, DLQ, 3), TimedPlace(2.0, DLQ, 2)]
    assert [place.offset for place in newest(found, 0)] == [3, 2, 1]
    assert [place.offset for place in held.places({EXPIRED}, *FOREVER)] == [0]
    assert list(held.identities(DLQ, [2, 9])) == [2, None]
    assert list(held.identities(TIER, [0])) == [None]


class Row(NamedTuple):
    """A record of the model."""

    at: float
    partition: Partition
    offset: int
    identity: int
    key: GroupKey


EVENTS = st.lists(
    st.tuples(st.sampled_from(["dead", "retry", "delivered", "replayed", "finish"]), st.integers(0, 5)),
    max_size=60,
)


@given(EVENTS)
def test_beside_a_model(events: list[tuple[str, int]]) -> None:
    """Whatever happens in whatever order, what counts is each conversion's newest record, unless it ended."""
    held, rows, ended = Undelivered(1000), list[Row](), set[tuple[Partition, int]]()
    held.read_whole()
    for number, (what, identity) in enumerate(events):
        if what in {"dead", "retry"}:
            at = DLQ if what == "dead" else TIER
            key = REJECTED if what == "dead" else FAILED
            rows.append(Row(float(number), at, number, identity, key))
            held.take(at, number, (letter if what == "dead" else retry)(float(number), identity))
        elif what == "delivered":
            held.delivered(identity)
            ended |= {(row.partition, row.offset) for row in rows if row.identity == identity}
        elif what == "replayed":
            letters = [row.offset for row in rows if row.partition == DLQ and row.identity == identity]
            held.replayed(DLQ, letters)
            ended |= {(DLQ, offset) for offset in letters}
        else:
            below = number - identity
            held.finish(TIER, below)
            ended |= {(TIER, row.offset) for row in rows if row.partition == TIER and row.offset < below}
    last = {row.identity: row for row in rows}.values()
    counting = {(row.partition, row.offset) for row in last} - ended
    found = {(place.partition, place.offset) for place in held.places({REJECTED, FAILED}, *FOREVER)}
    assert found == counting
    assert sum(sizes(held).values()) == len(counting)


@pytest.mark.parametrize("fate", list(Fate))
def test_what_ended_keeps_its_first_fate(fate: Fate) -> None:
    """What counts no more says why it first did not."""
    held = Undelivered(10)
    held.take(DLQ, 0, letter(1.0, 1))
    if fate is Fate.DELIVERED:
        held.delivered(1)
    elif fate is Fate.REPLAYED:
        held.replayed(DLQ, [0])
    else:
        held.take(DLQ, 1, letter(2.0, 1))
    held.delivered(1)
    held.replayed(DLQ, [0])
    assert held.key_of(DLQ, 0) is fate
