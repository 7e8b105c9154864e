"""The pace: none while all is taken, just below what is too many, indifferent to what is not for load."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from random import Random

import pytest

from worker.core.admission.pace import Pace

Refuses = Callable[[float], bool]
START = 100.0


def never(_now: float) -> bool:
    """A partner that takes everything."""
    return False


class Capacity:
    """A partner that takes so many a second, with a burst of a tenth of that."""

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._tokens, self._at = per_second / 10, 0.0

    def __call__(self, now: float) -> bool:
        self._tokens = min(self._tokens + (now - self._at) * self.per_second, self.per_second / 10)
        self._at = now
        if self._tokens < 1.0:
            return True
        self._tokens -= 1.0
        return False


class Flow:
    """Requests that start as the pace allows, at most `most` a second, each answered at once."""

    def __init__(self, most: float = 1_000.0, now: float = START) -> None:
        self.pace, self.now, self.most = Pace(), now, most

    def go(self, seconds: float, refuses: Refuses = never, pause: float = 0.0) -> tuple[int, int]:
        """Let time pass; return how many were taken, and how many refused."""
        end, taken, refused, held_until = self.now + seconds, 0, 0, self.now
        while self.now < end:
            self.now += 1.0 / self.most
            if self.now < max(self.pace.wake_at, held_until):
                continue
            self.pace.starting(self.now)
            if refuses(self.now):
                held_until = self.now + pause
                refused += 1
                self.pace.refused(pause, self.now, 1, self.now)
            else:
                taken += 1
                self.pace.took(self.now)
        return taken, refused


def chance(share: float) -> Refuses:
    """A partner that refuses a share of requests whatever the load."""
    draw = Random(1).random
    return lambda _now: draw() < share


def full(pause: float = 0.0, patience: float = 10.0) -> Flow:
    """Return a flow to a partner of 300 a second that has been refused for some seconds."""
    flow = Flow()
    flow.go(patience, Capacity(300.0), pause)
    assert flow.pace.per_second < inf
    return flow


def test_none_while_all_is_taken() -> None:
    """A partner that takes everything is not paced."""
    flow = Flow()
    assert flow.go(3.0)[0] == pytest.approx(3_000, abs=1)
    assert flow.pace.per_second == inf


@pytest.mark.parametrize("pause", [0.0, 1.0])
def test_a_capacity_is_found_and_kept(pause: float) -> None:
    """Near a partner's capacity nearly all of it is used, and little is refused."""
    flow = full(pause, patience=30.0)
    taken, refused = flow.go(60.0, Capacity(300.0), pause)
    assert taken >= 0.9 * 60 * 300
    assert refused <= 0.01 * taken


def test_a_hold_says_nothing_of_capacity() -> None:
    """Five refusals with a Retry-After in a row are one incident: the pace stays near what was."""
    flow = Flow()
    flow.go(20.0)
    for _ in range(5):
        flow.pace.refused(1.0, flow.now, 0, flow.now)
        flow.now += 1.0
    assert 850.0 < flow.pace.per_second < 950.0
    assert flow.go(3.0)[0] >= 0.85 * 3_000


def test_soon_after_the_start() -> None:
    """A refusal after a few answers makes a pace of few, which rises fast where nothing follows."""
    flow = Flow()
    flow.go(0.05)
    flow.pace.refused(1.0, flow.now, 16, flow.now)
    assert flow.pace.per_second < 60.0
    flow.now += 1.0
    flow.go(5.0)
    assert flow.go(1.0)[0] >= 900


def test_after_an_idle_time() -> None:
    """What was taken before an idle time says nothing either: what is on its way is the measure."""
    flow = Flow()
    flow.go(20.0)
    flow.now += 3_600.0
    flow.pace.refused(1.0, flow.now, 400, flow.now)
    assert 300.0 < flow.pace.per_second < 400.0


def test_no_cut_takes_more_than_half() -> None:
    """Though nothing at all was taken for a second, a cut halves the pace, and the next one again."""
    flow = full(patience=30.0)
    was = flow.pace.per_second
    for _ in range(12):
        flow.now += 0.1
        flow.pace.refused(0.0, flow.now, 16, flow.now)
    assert flow.pace.per_second >= was / 2 * 0.9


def test_what_began_before_a_cut() -> None:
    """Refusals of requests that began before a cut are of the same incident."""
    flow = full(pause=1.0)
    began = flow.now
    flow.pace.refused(1.0, began, 16, began)
    was = flow.pace.per_second
    for _ in range(16):
        flow.pace.refused(1.0, began, 16, began + 1.5)
    assert flow.pace.per_second == was


@pytest.mark.parametrize(("share", "least"), [(0.01, 0.9), (0.05, 0.7), (0.2, 0.6)])
def test_refusals_that_are_not_for_load(share: float, least: float) -> None:
    """A share of refusals that stays the same at a lower pace does not strangle it."""
    flow = Flow()
    flow.go(10.0, chance(share))
    taken, _ = flow.go(60.0, chance(share))
    assert taken >= least * 60 * 1_000


def test_usual_refusals_do_not_hide_a_capacity() -> None:
    """More refusals than usual are believed."""
    flow = Flow()
    flow.go(10.0, chance(0.05))
    flow.go(10.0, Capacity(300.0))
    taken, refused = flow.go(20.0, Capacity(300.0))
    assert taken >= 0.9 * 20 * 300
    assert refused <= 0.1 * taken


def test_a_capacity_behind_holds() -> None:
    """Where each refusal holds everything, a few of them are enough to lower the pace again."""
    flow = full(pause=1.0, patience=30.0)
    flow.go(60.0, Capacity(30.0), pause=1.0)
    assert flow.pace.per_second < 60.0


def test_it_rises_fast_once_there_is_room() -> None:
    """A partner that takes all again is soon not paced."""
    flow = full()
    flow.go(60.0)
    assert flow.go(1.0)[0] >= 990


def test_unused_it_does_not_rise() -> None:
    """A pace of which less than half is used does not rise."""
    flow = full()
    flow.most = 100.0
    flow.go(5.0)
    was = flow.pace.per_second
    flow.go(30.0)
    assert flow.pace.per_second == was


def test_the_least() -> None:
    """However often it is refused, one a second goes."""
    flow = full()
    for _ in range(2_000):
        flow.now += 1.0
        flow.pace.refused(1.0, flow.now, 1, flow.now)
    assert 0.9 <= flow.pace.per_second <= 1.0


@pytest.mark.parametrize("usual", [20, 200, 1_000])
def test_after_an_outage(usual: int) -> None:
    """In the first second after an outage no more starts than usual; soon it is out of the way."""
    flow = Flow(float(usual))
    flow.go(60.0)
    flow.now += 3_600.0
    flow.most = 20_000.0
    flow.pace.resume(flow.now)
    first, _ = flow.go(1.0)
    assert usual / 3 <= first <= usual
    flow.go(15.0)
    assert flow.pace.per_second == inf
    assert flow.pace.wake_at == -inf


def test_a_hold_that_is_over_early() -> None:
    """A cut whose hold is over early is taken back; where nothing was cut nothing changes."""
    pace = Pace()
    pace.let_go(100.0)
    for _ in range(50):
        pace.took(100.0)
    pace.refused(60.0, 100.0, 8, 100.1)
    assert pace.per_second < float("inf")
    pace.let_go(101.0)
    assert (pace.per_second, pace.wake_at) == (float("inf"), float("-inf"))


def test_what_is_usual_is_no_reason_to_hold() -> None:
    """One refusal more is usual once their share is known not to be for load; a run is not."""
    pace, now = Pace(), 100.0
    assert not pace.is_usual()
    for number in range(4_000):
        now += 0.01
        if number % 50 == 0:
            pace.refused(0.0 if pace.is_usual() else 1.0, now, 1, now)
        else:
            pace.took(now)
    assert pace.is_usual()
    for _ in range(20):
        pace.refused(0.0, now, 1, now)
    assert not pace.is_usual()


@pytest.mark.parametrize("share", [0.4, 0.7])
def test_found_anew_after_refusals_that_were_not_for_load(share: float) -> None:
    """What refused a large share of whatever was sent, for a while, and takes all again is soon sent all.

    Cut after cut had left one request a second: it took a quarter of an hour from there.
    """
    random, flow = Random(3), Flow(150.0)
    flow.go(10)
    flow.go(60, lambda _now: random.random() < share)
    assert flow.pace.per_second < 5.0
    flow.go(60)
    assert flow.pace.per_second > flow.most
