"""Which partitions of the journal are followed for which of the source, while the journal grows."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest

from worker.adapters.kafka.followed_partitions import FollowedPartitions
from worker.core.ids_cache import JournalPosition


class Journal:
    """Where partitions begin within the time that counts, and where they end."""

    def __init__(self, *, without: Collection[int] = (), **begins: int) -> None:
        self.without = {*without}
        """The partitions without a leader."""
        self.begins = {int(name[1:]): start for name, start in begins.items()}
        self.asked: list[set[int]] = []

    def find(self, numbers: Collection[int]) -> tuple[Mapping[int, JournalPosition], int]:
        self.asked.append({*numbers})
        led = [at for at in numbers if at not in self.without]
        return {at: JournalPosition(self.begins.get(at, 0), None) for at in led}, len(numbers)


def read(followed: FollowedPartitions, **ends: int) -> None:
    """Read these to their ends."""
    for name, end in ends.items():
        followed.all[int(name[1:])].look(end, 1.0)
        followed.all[int(name[1:])].next = end


def test_former_places_are_read_first() -> None:
    """A place that may be new is not read before the former ones are, which are followed only so long."""
    followed, journal = FollowedPartitions(), Journal(p0=40)
    followed.share_out({3: 1}, 4, journal.find, 0.0)
    assert followed.nexts == {3: 0, 0: 40, 1: 0}
    assert [followed.is_asked_for(at, 3) for at in range(4)] == [True, True, False, True]
    assert [followed.is_asked_for(at, 2) for at in range(4)] == [False, False, False, True]
    read(followed, p3=2, p0=50)
    assert not followed.tell()
    read(followed, p1=0)
    assert followed.tell() == {3: 1}
    assert not followed.tell()
    assert followed.is_too_many
    assert followed.positions == {3: JournalPosition(2, None)}
    followed.share_out({3: 1}, 4, journal.find, 1.0)
    assert followed.nexts == {3: 2}
    assert not followed.is_too_many


def test_a_place_without_a_leader() -> None:
    """A partition whose place begins nobody knows where is not followed; the others are, and it is later."""
    followed, journal = FollowedPartitions(), Journal(p0=40, p1=50, without={1})
    followed.share_out({0: 1, 1: 1}, 2, journal.find, 0.0)
    assert (followed.nexts, followed.unknown) == ({0: 40}, {1})
    read(followed, p0=44)
    assert followed.tell() == {0: 1}
    assert not followed.is_too_many
    journal.without = set()
    followed.share_out({0: 1, 1: 1}, 2, journal.find, 1.0)
    assert (followed.nexts, followed.unknown) == ({0: 44, 1: 50}, set())
    read(followed, p1=50)
    assert followed.tell() == {1: 1}


def test_a_former_place_without_a_leader() -> None:
    """A partition is not read before its former places are, though only these have no leader."""
    followed, journal = FollowedPartitions(), Journal(without={1})
    followed.share_out({3: 1}, 4, journal.find, 0.0)
    assert (followed.nexts, followed.unknown) == ({}, {3})
    assert not followed.tell()
    journal.without = set()
    followed.share_out({3: 1}, 4, journal.find, 1.0)
    assert (followed.nexts, followed.unknown) == ({3: 0, 0: 0, 1: 0}, set())


def test_a_former_place_that_can_not_be_read_any_more() -> None:
    """Who waits again because of a former place is told once more, also where that is followed no longer."""
    followed, journal = FollowedPartitions(), Journal()
    followed.share_out({1: 1, 0: 1}, 2, journal.find, 0.0)
    read(followed, p0=5, p1=5)
    assert followed.tell() == {0: 1, 1: 1}
    followed.all[1].look(5, 7.0)
    assert followed.stale(7.0, 5.0) == {0, 1}
    assert not followed.tell()
    followed.all[1].look(5, 8.0)
    assert not followed.tell()
    followed.share_out({1: 1, 0: 1}, 2, journal.find, 8.0)
    assert followed.tell() == {1: 1}
    followed.all[0].look(5, 9.0)
    assert not followed.stale(9.0, 5.0)
    assert followed.tell() == {0: 1}


def test_an_old_place_is_enough() -> None:
    """Where a place has steps from before the time that counts, its former ones have none that count."""
    followed, journal = FollowedPartitions(), Journal(p3=7)
    assert followed.share_out({3: 1}, 4, journal.find, 0.0) == 1
    assert followed.nexts == {3: 7}
    read(followed, p3=9)
    assert followed.tell() == {3: 1}


def test_what_is_followed_anyway_is_read_once() -> None:
    """A former place that is another's present one is waited for, and not read twice."""
    followed, journal = FollowedPartitions(), Journal()
    followed.share_out({0: 1, 1: 1}, 2, journal.find, 0.0)
    assert journal.asked == [{0, 1}, set()]
    read(followed, p1=5)
    assert not followed.tell()
    assert followed.is_asked_for(0, 9)  # a present place is read for whoever may come to have it
    read(followed, p0=5)
    assert followed.tell() == {0: 1, 1: 1}
    assert not followed.is_too_many


def test_a_journal_that_grows() -> None:
    """Once the journal has grown, a followed partition goes on in its new place."""
    followed, journal = FollowedPartitions(), Journal()
    followed.share_out({3: 1}, 2, journal.find, 0.0)
    assert followed.nexts == {1: 0, 0: 0}
    read(followed, p0=3, p1=3)
    assert followed.tell() == {3: 1}
    followed.share_out({3: 1}, 4, journal.find, 1.0)
    assert followed.nexts == {3: 0, 1: 3, 0: 3}
    assert followed.positions == {1: JournalPosition(3, None), 3: JournalPosition(0, None)}


def test_a_former_place_that_becomes_ones_own() -> None:
    """What was read of a place for some steps alone is read from its beginning for all."""
    followed, journal = FollowedPartitions(), Journal()
    followed.share_out({1: 1}, 2, journal.find, 0.0)
    read(followed, p0=3)
    followed.share_out({1: 1, 0: 2}, 2, journal.find, 1.0)
    assert followed.nexts == {1: 0, 0: 0}
    read(followed, p0=3, p1=0)
    assert followed.tell() == {1: 1, 0: 2}


def test_a_former_place_is_not_begun_again() -> None:
    """While it is read for somebody, whoever else comes does not set it back."""
    followed, journal = FollowedPartitions(), Journal(p2=8)
    followed.share_out({1: 1}, 3, journal.find, 0.0)
    followed.all[0].next = 2
    followed.share_out({1: 1, 2: 2}, 3, journal.find, 1.0)
    assert followed.nexts == {1: 0, 0: 2, 2: 8}


def test_a_former_place_of_another_too() -> None:
    """Who needs a former place that was read for others alone has it read from its beginning."""
    followed, journal = FollowedPartitions(), Journal()
    followed.share_out({1: 1}, 4, journal.find, 0.0)
    followed.all[0].next = 2
    followed.share_out({1: 1, 3: 2}, 4, journal.find, 1.0)
    assert followed.nexts == {1: 0, 0: 0, 3: 0}


def test_given_up_before_it_was_read() -> None:
    """The former places of a partition that was given up are not followed any more."""
    followed, journal = FollowedPartitions(), Journal()
    followed.share_out({1: 1}, 2, journal.find, 0.0)
    followed.share_out({}, 2, journal.find, 1.0)
    assert followed.nexts == {}
    assert not followed.is_too_many


def test_what_fails_changes_nothing() -> None:
    """Where the broker does not say where to begin, all stays as it was."""
    followed, journal = FollowedPartitions(), Journal()
    followed.share_out({0: 1}, 2, journal.find, 0.0)

    def fail(_numbers: Collection[int]) -> tuple[Mapping[int, JournalPosition], int]:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        followed.share_out({1: 1}, 2, fail, 1.0)
    assert followed.nexts == {0: 0}
