"""Which dead letters go back, and as what."""

from __future__ import annotations

from schemas import DeadReason
from tests.ops.letters import NOW, letter
from worker.ops.filters import Filters
from worker.ops.replay import choose, items_of


def test_a_conversion_goes_once() -> None:
    """Of several letters of a conversion the one that was replayed most often goes."""
    letters = [
        letter("a", 0, dead_at=NOW - 30),
        letter("a", 1, dead_at=NOW - 20, replays=1),
        letter("b", 2, dead_at=NOW - 10),
    ]
    assert choose(reversed(letters), Filters(), 0) == [(0, 1), (0, 2)]


def test_the_last_word_counts() -> None:
    """A letter that was replayed already does not match by itself: its conversion came back otherwise."""
    letters = [letter("a", 0, status=503, dead_at=NOW - 30), letter("a", 1, status=400, replays=1)]
    assert choose(letters, Filters(status=503), 0) == []


def test_the_newest_of_a_limit() -> None:
    """With a limit the newest go, the oldest of them first."""
    letters = [
        letter(name, offset, dead_at=NOW - age)
        for offset, (name, age) in enumerate([("a", 1), ("b", 3), ("c", 2)])
    ]
    assert choose(letters, Filters(), 2) == [(0, 2), (0, 0)]


def test_what_goes_back() -> None:
    """The value goes as it is, with one more replay, for the destination that it died at alone."""
    (item,) = items_of(iter([letter("a", 7, replays=2)]), "voluum", None, lambda letters: letters)
    assert str(item.place) == "dead letter 0/7"
    assert item.value == letter("a").value
    assert list(item.headers) == [("postback-replays", b"3"), ("postback-for", b"voluum")]


def test_the_unrouted() -> None:
    """What no destination took is routed anew."""
    dead = letter("a", 7, reason=DeadReason.UNROUTED)
    (item,) = items_of(iter([dead]), "voluum", None, lambda letters: letters)
    assert list(item.headers) == [("postback-replays", b"1")]
