"""Times as text: read strictly, written in one form, never too early."""

from __future__ import annotations

import math
from datetime import datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas import format_time, parse_time
from schemas.moment import LAST, moment_text
from tests.schemas.tables import BAD_TIMES, GOOD_TIMES, UNREAL_TIMES

FIRST_S = -62_135_596_800.0
LAST_S = LAST.timestamp()

times = st.floats(FIRST_S, LAST_S)


@pytest.mark.parametrize(("text", "utc"), GOOD_TIMES.items())
def test_good_times(text: str, utc: str) -> None:
    """A good date-time is read as its epoch seconds."""
    assert parse_time(text) == datetime.fromisoformat(utc).timestamp()


@pytest.mark.parametrize("text", BAD_TIMES + UNREAL_TIMES)
def test_bad_times(text: str) -> None:
    """Text that is no date-time reads as None."""
    assert parse_time(text) is None


@given(st.text())
def test_any_text(text: str) -> None:
    """Arbitrary text never raises."""
    parse_time(text)


def test_lone_surrogates() -> None:
    """Text that is no Unicode reads as None."""
    assert parse_time("\ud800") is None


@pytest.mark.parametrize(
    ("epoch_s", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1767323045.678, "2026-01-02T03:04:05.678Z"),
        (1767323045.6780001, "2026-01-02T03:04:05.679Z"),
        (1767323045.9999, "2026-01-02T03:04:06.000Z"),
        (-0.0005, "1970-01-01T00:00:00.000Z"),
        (FIRST_S, "0001-01-01T00:00:00.000Z"),
        (LAST_S, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_written_times(epoch_s: float, text: str) -> None:
    """Epoch seconds are written with milliseconds, rounded up."""
    assert format_time(epoch_s) == text


@given(times)
@example(LAST_S)
@example(FIRST_S)
def test_never_earlier(epoch_s: float) -> None:
    """A written time is not earlier than asked, nor a millisecond later, and stays when written again."""
    again = parse_time(format_time(epoch_s))
    assert again is not None
    assert epoch_s <= again
    assert again - epoch_s <= 0.001 + math.ulp(epoch_s)
    assert format_time(again) == format_time(epoch_s)


@pytest.mark.parametrize("epoch_s", [1e12, -1e12, math.inf, -math.inf])
def test_times_beyond_the_calendar(epoch_s: float) -> None:
    """A time outside the years 1 to 9999 can't be written."""
    with pytest.raises(OverflowError):
        format_time(epoch_s)


def test_no_number() -> None:
    """What is not a number can't be written."""
    with pytest.raises(ValueError, match="NaN"):
        format_time(math.nan)


def test_the_last_moment() -> None:
    """The last moment of the calendar is written and read like any other."""
    assert parse_time(moment_text(LAST)) == LAST_S
