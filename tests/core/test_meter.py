"""The meter: the last second's rate, the usual rate, and what counts as none of use."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.meter import Meter


def steady(meter: Meter, per_second: int, seconds: float, now: float = 100.0) -> float:
    """Note so many, evenly; return the time."""
    for number in range(int(per_second * seconds)):
        meter.note(now + number / per_second)
    return now + seconds


@pytest.mark.parametrize("per_second", [10, 37, 300, 5_000])
def test_rate(per_second: int) -> None:
    """The rate of a steady stream is what it is, but for the last one or two."""
    meter = Meter()
    now = steady(meter, per_second, 3.0)
    assert meter.rate(now - 0.02) == pytest.approx(per_second, abs=per_second / 40 + 2)


def test_less_than_a_second() -> None:
    """Of less than a second the rate is what was there: too low, never too high."""
    meter = Meter()
    now = steady(meter, 100, 0.5)
    assert meter.rate(now) == 50.0


def test_a_pause() -> None:
    """After a second without any the rate is 0, and the usual rate goes down slowly."""
    meter = Meter()
    now = steady(meter, 100, 60.0)
    assert meter.usual == pytest.approx(100.0, rel=0.05)
    assert meter.rate(now + 1.5) == 0.0
    assert 80.0 < meter.usual < 90.0


def test_restart() -> None:
    """What was of no use is forgotten; what is usual stays."""
    meter = Meter()
    now = steady(meter, 100, 60.0)
    usual = meter.usual
    meter.restart(now + 3_600.0)
    assert meter.rate(now + 3_600.0) == 0.0
    assert meter.usual == usual


@given(st.lists(st.floats(0, 3), max_size=200))
def test_any_gaps(gaps: list[float]) -> None:
    """The total is what was noted in the last nine to ten tenths, whatever the gaps."""
    meter, now, noted = Meter(), 100.0, list[float]()
    for gap in gaps:
        now += gap
        meter.note(now)
        noted.append(now)
        begins = int(now * 10) - 9
        assert meter.total == sum(int(at * 10) >= begins for at in noted)
