"""One partition of the journal that is followed: how far it is read, and who is told."""

from __future__ import annotations

from worker.adapters.kafka.followed_partition import FollowedPartition, starts_of
from worker.core.ids_cache import JournalPosition


def followed(start: int = 0, *numbers: int) -> FollowedPartition:
    """One that is asked for by some."""
    one = FollowedPartition(JournalPosition(start, None), 0.0)
    one.turns = dict.fromkeys(numbers or (0,), 1)
    return one


def test_told_once() -> None:
    """Who asked is told once, when all is read that was there."""
    one = followed(5)
    assert not one.tell()  # nobody knows yet where it ends
    one.look(7, 1.0)
    one.next = 6
    assert not one.tell()
    one.next = 7
    assert one.tell() == [(0, 1)]
    assert not one.tell()
    assert one.is_told


def test_asked_anew() -> None:
    """Who asks anew waits for the end of the next look."""
    one = followed(5, 0, 4)
    one.look(5, 1.0)
    assert one.tell() == [(0, 1), (4, 1)]
    one.ask_anew([4])
    assert not one.tell()
    one.look(6, 2.0)
    assert not one.tell()
    one.next = 6
    assert one.tell() == [(4, 1)]


def test_stale() -> None:
    """It can't be read where it has been neither read to its end nor any further for a while."""
    one = followed(5)
    one.look(5, 1.0)
    one.tell()
    one.look(9, 2.0)
    assert not one.stale(6.9, 5.0)
    one.next = 6
    one.look(9, 7.0)  # it goes on
    assert not one.stale(12.0, 5.0)
    assert one.stale(12.1, 5.0) == [0]
    one.next = 9
    assert not one.tell()  # more may have come meanwhile
    one.look(9, 13.0)
    assert one.tell() == [(0, 1)]


def test_stale_at_its_end() -> None:
    """What was read to its end, and then could not be looked at for a while, is read once a look shows it."""
    one = followed(5)
    one.look(5, 1.0)
    assert one.tell() == [(0, 1)]
    assert one.stale(6.1, 5.0) == [0]
    assert not one.tell()
    assert one.stale(7.1, 5.0) == [0]
    one.look(5, 8.0)
    assert not one.stale(8.0, 5.0)
    assert one.tell() == [(0, 1)]


def test_starts() -> None:
    """All that is new enough is read, or of each the same share, the newest; nothing of what has none."""
    assert starts_of({0: 10, 1: -1}, {0: 20, 1: 50}, 10) == ({0: 10, 1: 50}, 0)
    assert starts_of({0: 0, 1: 20}, {0: 100, 1: 120}, 20) == ({0: 90, 1: 110}, 180)
