"""A holding: what to commit, which record is the oldest, and when its partition rests."""

from __future__ import annotations

import pytest

from tests.core.examples import BINDING, SOURCE, make_partition, make_record, pending_record
from worker.core.assigned_partition import SOON_SECONDS, AssignedPartition, Position
from worker.core.offset_map import OffsetMap, decode, encode
from worker.core.offsets import MAX_SPAN_OFFSETS, Offsets
from worker.core.retry import Tier

YEAR = 365.0 * 86_400


def of(offsets: Offsets) -> AssignedPartition:
    """Return a holding of this ledger."""
    return AssignedPartition(SOURCE, None, offsets, BINDING)


def test_nothing_known_nothing_to_commit() -> None:
    """A partition without a committed offset and without records has no position."""
    partition = of(Offsets(None))
    assert partition.position() is None
    assert not partition.dirty


def test_position_carries_the_map() -> None:
    """A commit says the lowest unfinished offset, and what is finished above it."""
    partition = of(Offsets(5))
    assert partition.position() == Position(5, encode(5, None, BINDING))
    for offset in range(5, 9):
        partition.offsets.track(offset)
    partition.offsets.resolve(7)
    position = partition.position()
    assert position is not None
    assert position.offset == 5
    assert decode(5, position.metadata, BINDING).finished == OffsetMap(8, (5, 6))


def test_dirty_until_committed() -> None:
    """A holding is dirty from a resolution until a commit that read it counts."""
    partition = of(Offsets(5))
    partition.offsets.track(5)
    dirty = [partition.dirty]
    partition.offsets.resolve(5)
    dirty.append(partition.dirty)
    partition.revision = partition.offsets.revision
    dirty.append(partition.dirty)
    assert dirty == [False, True, False]


def test_oldest() -> None:
    """The oldest unfinished record is found whether it waits or is being sent."""
    partition = make_partition()
    assert partition.oldest() is None
    first, second = make_record(offset=1), make_record(offset=2)
    for record in (first, second):
        partition.offsets.track(record.offset)
    partition.busy[1] = first
    partition.waiting.append(pending_record(partition, 2))
    assert partition.oldest() is first
    partition.offsets.resolve(1)
    del partition.busy[1]
    oldest = partition.oldest()
    assert oldest is not None
    assert oldest.offset == 2
    partition.waiting.clear()
    assert partition.oldest() is None, "dropped while it drains"


@pytest.mark.parametrize(
    ("unfinished", "granted", "more"),
    [(0, 0, 100), (0, 100, 0), (60, 15, 25), (60, 16, 0), (75, 0, 25), (76, 0, 0), (100, 0, 0), (110, 5, 0)],
)
def test_granted_within_the_room(unfinished: int, granted: int, more: int) -> None:
    """Never more than the room is unfinished or granted; more is granted once a quarter of it is free."""
    partition = make_partition()
    for offset in range(unfinished):
        partition.offsets.track(offset)
    partition.granted = granted
    assert partition.has_room(100) is bool(more)
    assert partition.grant(100) == more
    assert partition.granted == granted + more


def test_room_of_large_records() -> None:
    """Records that take up more room than one leave less of it, and may take up more than there is."""
    partition = make_partition()
    partition.offsets.track(0)
    assert partition.grant(10, beyond=4) == 5
    partition.granted = -3
    assert partition.grant(10, beyond=9) == 3
    partition.offsets.resolve(0)
    assert partition.grant(10) == 10


def test_in_memory() -> None:
    """What is in memory is what waits and what is under way."""
    partition = make_partition()
    sent, waits = pending_record(partition, 0), pending_record(partition, 1)
    partition.busy[0] = sent.record
    partition.waiting.append(waits)
    assert list(partition.in_memory()) == [sent.record, waits.record]


def test_rests_while_it_sleeps() -> None:
    """A partition whose records were given back to Kafka rests until they are due."""
    partition = make_partition()
    partition.asleep_until = 50.0
    assert partition.wants_rest(0.0)
    partition.asleep_until = 0.0
    assert not partition.wants_rest(0.0)


def test_given_back_puts_nothing_off() -> None:
    """What claims to be due in a year is due after its tier's delay, however often it is given back."""
    partition = AssignedPartition(SOURCE, Tier("10s", 10.0), Offsets(0), BINDING)
    waiting = [pending_record(partition, offset, partition.due_of(offset, YEAR, 0.0)) for offset in range(4)]
    partition.give_back(waiting)
    assert [partition.due_of(offset, YEAR, 6.0) for offset in range(5)] == [10.0] * 4 + [16.0]
    partition.give_back([pending_record(partition, 2, 10.0), pending_record(partition, 4, 16.0)])
    assert partition.due_of(2, YEAR, 8.0) == 10.0
    assert partition.asleep_until == 10.0


def test_asleep_while_the_clock_is_set_back() -> None:
    """What was given back sleeps no longer than its tier's delay from now; what is of no tier never does."""
    partition = AssignedPartition(SOURCE, Tier("10s", 10.0), Offsets(0), BINDING)
    partition.give_back([pending_record(partition, 0, 5_010.0)])
    partition.sleep_no_longer(0.0)
    assert partition.asleep_until == partition.due_of(0, YEAR, 0.0) == 10.0
    of_the_source = make_partition()
    of_the_source.sleep_no_longer(0.0)
    assert of_the_source.asleep_until == 0.0


def test_room_for_one() -> None:
    """With room for one record a partition gets its next one as soon as that one has ended."""
    partition = make_partition()
    assert partition.grant(1) == 1
    partition.offsets.track(0)
    partition.granted = 0
    assert partition.grant(1) == 0
    partition.offsets.resolve(0)
    assert partition.grant(1) == 1


@pytest.mark.parametrize(
    ("last", "paused", "rests"),
    [
        (MAX_SPAN_OFFSETS - 2, False, False),
        (MAX_SPAN_OFFSETS - 1, False, True),
        (MAX_SPAN_OFFSETS // 2 - 1, True, True),
        (MAX_SPAN_OFFSETS // 2 - 2, True, False),
    ],
)
def test_a_stuck_record_bounds_the_span(last: int, paused: bool, rests: bool) -> None:
    """One unfinished record holds its partition back once the finished reach too far beyond it."""
    partition = of(Offsets(0))
    partition.offsets.track(0)
    partition.offsets.track(last)
    partition.offsets.resolve(last)
    partition.paused = paused
    assert partition.wants_rest(0.0) is rests


def test_waiting_for_the_due_time_rests() -> None:
    """A tier partition rests while its last record is not due soon, and flows when it is."""
    partition = make_partition()
    partition.offsets.track(0)
    partition.waiting.append(pending_record(partition, 0, 50.0, at_once=False))
    assert partition.wants_rest(50.0 - 2 * SOON_SECONDS)
    assert not partition.wants_rest(50.0 - SOON_SECONDS / 2)


def test_started_anew() -> None:
    """Of another log nothing is known: no offset, no map, nothing to commit."""
    partition = make_partition()
    for offset in range(3):
        partition.offsets.track(offset)
    partition.offsets.resolve(2)
    partition.look()
    partition.start_anew(7)
    assert partition.position() == Position(7, encode(7, None, BINDING))
    assert partition.committed == 7
    assert not partition.dirty
    partition.look()
    assert partition.pace == 0


def test_whose_records_it_has() -> None:
    """In doubt is who has the records of a partition that has left; of a deleted log nobody else has them."""
    deleted, left = make_partition(), make_partition()
    deleted.unsure = True
    deleted.delete()
    deleted.leave()
    left.leave()
    left.delete()
    assert (deleted.unsure, left.unsure) == (False, True)


def test_nothing_to_commit_over_another_deployment() -> None:
    """The offset that another deployment has committed is never overwritten."""
    partition = make_partition()
    partition.foreign = True
    partition.offsets.track(0)
    partition.offsets.resolve(0)
    assert partition.position() is None


def test_nothing_to_commit_of_a_log_without_a_record() -> None:
    """A partition of which no offset is known yet has nothing to commit, though it is claimed."""
    partition = AssignedPartition(SOURCE, None, Offsets(None), BINDING)
    partition.claim()
    before = partition.dirty, partition.position()
    partition.offsets.track(3)
    assert before == (False, None)
    assert partition.dirty
