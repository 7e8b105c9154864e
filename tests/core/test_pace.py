"""The pace: none while all is taken, just below what is too many, gentle after an outage."""

from __future__ import annotations

from math import inf

import pytest

from worker.core.pace import Pace


def flow(pace: Pace, seconds: float, now: float, *, most: float = 1e6) -> tuple[float, int]:
    """Start requests as the pace allows, at most so many a second, each taken at once; time, and count."""
    end, starts, step = now + seconds, 0, 1.0 / min(most, 2_000.0)
    while now < end:
        now += step
        if now >= pace.wake_at:
            pace.starting(now)
            pace.took(now)
            starts += 1
    return now, starts


def found(hold: float = 0.0) -> tuple[Pace, float]:
    """Return a pace of a partner of 300 a second that has just refused one, and the time."""
    pace = Pace()
    now, _ = flow(pace, 5.0, 100.0, most=300.0)
    assert pace.per_second == inf
    assert pace.refused(True, hold, now, 15, now)
    return pace, now


def test_none_while_all_is_taken() -> None:
    """A partner that takes everything is not paced."""
    pace = Pace()
    _, starts = flow(pace, 1.0, 100.0)
    assert starts == 2_000
    assert pace.per_second == inf


def test_a_refusal() -> None:
    """After a refusal the pace is just below what was taken, and what was too fast is paid back first."""
    pace, now = found()
    assert 285.0 < pace.per_second < 300.0
    assert now < pace.wake_at < now + 0.3


def test_it_rises_slowly_and_then_fast() -> None:
    """It takes seconds to pass what was too many, and less than a minute to find ten times as much."""
    pace, now = found()
    now, starts = flow(pace, 3.0, now)
    assert starts <= 3 * 300
    now, _ = flow(pace, 50.0, now)
    assert pace.per_second > 3_000.0


def test_patience_after_a_hold() -> None:
    """After a refusal that held everything for a second, it stays below for twenty."""
    pace, now = found(hold=1.0)
    flow(pace, 20.0, now)
    assert pace.per_second < 300.0


def test_unused_it_does_not_rise() -> None:
    """A pace of which less than half is used does not rise."""
    pace, now = found()
    now, _ = flow(pace, 2.0, now, most=100.0)
    was = pace.per_second
    flow(pace, 30.0, now, most=100.0)
    assert pace.per_second == was


def test_one_round_one_cut() -> None:
    """Refusals of requests from before a cut, and of one round trip, do not cut again."""
    pace, now = found()
    was = pace.per_second
    for later in (0.05, 0.1, 0.2):
        assert pace.refused(True, 0.0, now - 0.01, 15, now + later)
        assert pace.refused(True, 0.0, now + 0.01, 15, now + later)
    assert pace.per_second == was
    assert pace.refused(True, 0.0, now + 0.01, 15, now + 0.3)
    assert pace.per_second < was


def test_back_too_soon() -> None:
    """A refusal that comes back soon after the last one cuts deeper."""
    pace, now = found()
    now, _ = flow(pace, 1.5, now)
    was = pace.per_second
    pace.refused(True, 0.0, now, 15, now)
    assert pace.per_second < was * 0.95


def test_a_doubtful_refusal() -> None:
    """What a broken partner says too is believed once it is a good share of the answers."""
    pace = Pace()
    now, _ = flow(pace, 5.0, 100.0, most=100.0)
    believed = [pace.refused(False, 0.0, now, 5, now) for _ in range(30)]
    assert not any(believed[:9])
    assert all(believed[20:])


def test_refused_at_the_start() -> None:
    """Before anything was taken, what is in flight is the measure, and the pace doubles each second."""
    pace = Pace()
    assert pace.refused(True, 0.0, 100.0, 16, 100.0)
    assert 10.0 < pace.per_second < 16.0
    flow(pace, 5.0, 100.0)
    assert pace.per_second > 300.0


def test_the_least() -> None:
    """However often it is refused, one a second goes."""
    pace, now = found()
    for _ in range(200):
        now += 1.0
        pace.refused(True, 0.0, now, 1, now)
    assert pace.per_second == 1.0


@pytest.mark.parametrize("usual", [20, 200, 1_000])
def test_after_an_outage(usual: int) -> None:
    """In the first second after an outage no more starts than usual; soon it is out of the way."""
    pace = Pace()
    now, _ = flow(pace, 60.0, 100.0, most=float(usual))
    now += 3_600.0
    pace.resume(now)
    now, first = flow(pace, 1.0, now)
    assert usual / 3 <= first <= usual
    now, second = flow(pace, 1.0, now)
    assert second <= usual * 2
    flow(pace, 18.0, now)
    assert pace.per_second == inf
    assert pace.wake_at == -inf


def test_a_long_silence() -> None:
    """A first delivery hours after an outage ended ends the pace, and breaks nothing."""
    pace = Pace()
    pace.resume(100.0)
    pace.took(100_000.0)
    assert pace.per_second == float("inf")
