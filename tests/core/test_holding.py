"""A holding: what to commit, which record is the oldest, and when its partition rests."""

from __future__ import annotations

import pytest

from tests.core.examples import BINDING, SOURCE, hold, make_holding, make_record
from worker.core.holding import SOON, Holding, Position
from worker.core.offset_map import OffsetMap, decode, encode
from worker.core.offsets import MAX_SPAN, Offsets


def of(offsets: Offsets) -> Holding:
    """Return a holding of this ledger."""
    return Holding(SOURCE, None, offsets, BINDING)


def test_nothing_known_nothing_to_commit() -> None:
    """A partition without a committed offset and without records has no position."""
    holding = of(Offsets(None))
    assert holding.position() is None
    assert not holding.dirty


def test_position_carries_the_map() -> None:
    """A commit says the lowest unfinished offset, and what is finished above it."""
    holding = of(Offsets(5))
    assert holding.position() == Position(5, encode(5, None, BINDING))
    for offset in range(5, 9):
        holding.offsets.track(offset)
    holding.offsets.resolve(7)
    position = holding.position()
    assert position is not None
    assert position.offset == 5
    assert decode(5, position.metadata, BINDING).finished == OffsetMap(8, (5, 6))


def test_dirty_until_committed() -> None:
    """A holding is dirty from a resolution until a commit that read it counts."""
    holding = of(Offsets(5))
    holding.offsets.track(5)
    dirty = [holding.dirty]
    holding.offsets.resolve(5)
    dirty.append(holding.dirty)
    holding.revision = holding.offsets.revision
    dirty.append(holding.dirty)
    assert dirty == [False, True, False]


def test_oldest() -> None:
    """The oldest unfinished record is found whether it waits or is being sent."""
    holding = make_holding()
    assert holding.oldest() is None
    first, second = make_record(offset=1), make_record(offset=2)
    for record in (first, second):
        holding.offsets.track(record.offset)
    holding.busy[1] = first
    holding.waiting.append(hold(holding, 2))
    assert holding.oldest() is first
    holding.offsets.resolve(1)
    del holding.busy[1]
    oldest = holding.oldest()
    assert oldest is not None
    assert oldest.offset == 2
    holding.waiting.clear()
    assert holding.oldest() is None, "dropped while it drains"


@pytest.mark.parametrize(
    ("unfinished", "granted", "more"),
    [(0, 0, 100), (0, 100, 0), (60, 15, 25), (60, 16, 0), (75, 0, 25), (76, 0, 0), (100, 0, 0), (110, 5, 0)],
)
def test_granted_within_the_room(unfinished: int, granted: int, more: int) -> None:
    """Never more than the room is unfinished or granted; more is granted once a quarter of it is free."""
    holding = make_holding()
    for offset in range(unfinished):
        holding.offsets.track(offset)
    holding.granted = granted
    assert holding.has_room(100) is bool(more)
    assert holding.grant(100) == more
    assert holding.granted == granted + more
    assert holding.full is (granted + more == 0)


def test_room_of_large_records() -> None:
    """Records that take up more room than one leave less of it, and may take up more than there is."""
    holding = make_holding()
    holding.offsets.track(0)
    assert holding.grant(10, beyond=4) == 5
    holding.granted = -3
    assert holding.grant(10, beyond=9) == 3
    assert holding.full
    holding.offsets.resolve(0)
    assert holding.grant(10) == 10
    assert not holding.full


def test_in_memory() -> None:
    """What is in memory is what waits and what is under way."""
    holding = make_holding()
    sent, waits = hold(holding, 0), hold(holding, 1)
    holding.busy[0] = sent.record
    holding.waiting.append(waits)
    assert list(holding.in_memory()) == [sent.record, waits.record]


def test_rests_while_it_sleeps() -> None:
    """A partition whose records were given back to Kafka rests until they are due."""
    holding = make_holding()
    holding.asleep_until = 50.0
    assert holding.wants_rest(0.0)
    holding.asleep_until = 0.0
    assert not holding.wants_rest(0.0)


def test_room_for_one() -> None:
    """With room for one record a partition gets its next one as soon as that one has ended."""
    holding = make_holding()
    assert holding.grant(1) == 1
    holding.offsets.track(0)
    holding.granted = 0
    assert holding.grant(1) == 0
    assert holding.full
    holding.offsets.resolve(0)
    assert holding.grant(1) == 1


@pytest.mark.parametrize(
    ("last", "held_back", "rests"),
    [
        (MAX_SPAN - 2, False, False),
        (MAX_SPAN - 1, False, True),
        (MAX_SPAN // 2 - 1, True, True),
        (MAX_SPAN // 2 - 2, True, False),
    ],
)
def test_a_stuck_record_bounds_the_span(last: int, held_back: bool, rests: bool) -> None:
    """One unfinished record holds its partition back once the finished reach too far beyond it."""
    holding = of(Offsets(0))
    holding.offsets.track(0)
    holding.offsets.track(last)
    holding.offsets.resolve(last)
    holding.held_back = held_back
    assert holding.wants_rest(0.0) is rests


def test_waiting_for_the_due_time_rests() -> None:
    """A tier partition rests while its last record is not due soon, and flows when it is."""
    holding = make_holding()
    holding.offsets.track(0)
    holding.waiting.append(hold(holding, 0, 50.0, at_once=False))
    assert holding.wants_rest(50.0 - 2 * SOON)
    assert not holding.wants_rest(50.0 - SOON / 2)


def test_started_anew() -> None:
    """Of another log nothing is known: no offset, no map, nothing to commit."""
    holding = make_holding()
    for offset in range(3):
        holding.offsets.track(offset)
    holding.offsets.resolve(2)
    holding.start_anew(7)
    assert holding.position() == Position(7, encode(7, None, BINDING))
    assert holding.committed == 7
    assert not holding.dirty


def test_nothing_to_commit_of_a_log_without_a_record() -> None:
    """A partition of which no offset is known yet has nothing to commit, though it is claimed."""
    holding = Holding(SOURCE, None, Offsets(None), BINDING)
    holding.claim()
    before = holding.dirty, holding.position()
    holding.offsets.track(3)
    assert before == (False, None)
    assert holding.dirty
