"""Whether the lanes of a partition come free again at once."""

from __future__ import annotations

from itertools import count

from worker.core.turnover import Turnover


class Watched:
    """A partition with so many records under way, asked again and again whether it is quick."""

    def __init__(self, under_way: int = 16) -> None:
        self._turnover = Turnover()
        self._ids = count()
        self._busy: dict[int, None] = {}
        self.now = 10.0
        self.take(under_way)

    def take(self, count: int) -> None:
        self._busy.update(dict.fromkeys(next(self._ids) for _ in range(count)))

    def pass_by(self, seconds: float, ended: int = 0) -> bool:
        """Let so many seconds pass, in which the oldest end and as many begin; return whether it is quick."""
        self.now += seconds
        for offset in list(self._busy)[:ended]:
            del self._busy[offset]
        self.take(ended)
        return self.is_quick()

    def is_quick(self) -> bool:
        return self._turnover.is_quick(self._busy, self.now)


def test_nothing_is_known_at_first() -> None:
    """It is not quick before its lanes have come free."""
    assert not Watched().is_quick()


def test_quick() -> None:
    """It is, a quarter of a second at most after all that it had under way began."""
    watched = Watched()
    watched.is_quick()
    assert not watched.pass_by(0.1, ended=8)
    assert watched.pass_by(0.1, ended=8)


def test_slow() -> None:
    """It is not quick if that takes longer, however many have ended in all."""
    watched = Watched()
    for _ in range(100):
        assert not watched.pass_by(0.1, ended=5)


def test_a_few_are_late() -> None:
    """One in eight may take longer."""
    watched = Watched()
    watched.is_quick()
    assert not watched.pass_by(0.05, ended=13)
    watched = Watched()
    watched.is_quick()
    assert watched.pass_by(0.05, ended=14)


def test_for_a_second() -> None:
    """It stays quick for a second without another look, and no longer."""
    watched = Watched()
    watched.is_quick()
    assert watched.pass_by(0.1, ended=16)
    assert watched.pass_by(0.95)
    assert not watched.pass_by(0.1)


def test_as_long_as_it_lasts() -> None:
    """While its lanes come free it stays quick; once they hang it is so for a second at most."""
    watched = Watched()
    watched.is_quick()
    assert all(watched.pass_by(0.05, ended=16) for _ in range(100))
    quick = [watched.pass_by(0.05) for _ in range(40)]
    assert quick == [True] * quick.count(True) + [False] * quick.count(False)
    assert 15 <= quick.count(True) <= 20


def test_after_a_pause() -> None:
    """What ended during a pause says nothing of now."""
    watched = Watched()
    watched.is_quick()
    assert not watched.pass_by(60.0, ended=16)
    assert watched.pass_by(0.1, ended=16)


def test_the_clock_is_set() -> None:
    """It is judged anew after the clock was set back."""
    watched = Watched()
    watched.is_quick()
    assert watched.pass_by(0.1, ended=16)
    assert not watched.pass_by(-3_600.0)
    assert watched.pass_by(0.1, ended=16)
