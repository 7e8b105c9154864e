"""The newest dead letters, and how many there are of each kind."""

from __future__ import annotations

from itertools import permutations, product

import pytest

from schemas import DeadReason
from tests.ops.letters import STRANGE, letter
from worker.ops.dead_letters import grouped, newest, place_of, row_of


@pytest.mark.parametrize(("limit", "times"), [*product([0, 1, 2, 3, 9], permutations([1, 2, 3]))])
def test_newest(limit: int, times: tuple[int, ...]) -> None:
    """In whatever order they are read, the newest are kept, the oldest of them first."""
    letters = [letter("e", offset, dead_at=1000.0 + at) for offset, at in enumerate(times)]
    found = newest(iter(letters), limit)
    assert found.matched == 3
    assert found.letters == sorted(letters, key=lambda one: str(one.dead_at))[-limit:]


def test_without_a_time() -> None:
    """A letter without a time comes first."""
    timeless, other = letter("e", 0, dead_at=None), letter("e", 1, dead_at=1.0)
    assert timeless.dead_at is None
    assert newest([other, timeless], 0).letters == [timeless, other]


def test_groups() -> None:
    """Letters are counted by reason and status, the most frequent first, from the oldest to the newest."""
    letters = [
        letter("a", status=None, reason=DeadReason.EXPIRED),
        letter("b", dead_at=30.0),
        letter("c", dead_at=10.0),
    ]
    first, second = grouped(letters)
    assert (first.reason, first.status, first.letters) == ("exhausted", 503, 2)
    assert (first.oldest.timestamp(), first.newest.timestamp()) == (10.0, 30.0)
    assert (second.reason, second.status, second.letters) == ("expired", None, 1)


def test_letters_without_a_time() -> None:
    """Letters that tell no time, or no reason, are counted, too."""
    (group,) = grouped([STRANGE, STRANGE])
    assert dict(group.row()) == {"reason": None, "status": None, "count": 2, "oldest": None, "newest": None}


def test_a_row() -> None:
    """The row of a letter has its place, as it is asked for, and its fields."""
    one = letter("a", 7)
    assert place_of(one) == "0/7"
    row = row_of(one, ("where", "event_id", "status"))
    assert row == {"where": "0/7", "event_id": "a", "status": 503}
