"""What a Retry-After says: seconds, or a date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.admission.retry_after import parse_retry_after

NOW = 1_767_323_045.0  # 2026-01-02T03:04:05Z


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("120", 120.0),
        (" 120\t", 120.0),
        ("000120", 120.0),
        ("Fri, 02 Jan 2026 03:04:35 GMT", 30.0),
        ("Friday, 02-Jan-26 03:04:35 GMT", 30.0),
        ("Fri Jan  2 03:04:35 2026", 30.0),
        ("Fri, 02 Jan 2026 05:04:35 +0200", 30.0),
        ("Fri, 02 Jan 2026 03:04:35 -0000", 30.0),
        ("Thu, 01 Jan 2026 03:04:05 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 251_634_977_754.0),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("1e3", None),
        ("soon", None),
        ("١٢", None),
        ("²", None),
        ("Fri, 32 Jan 2026 03:04:35 GMT", None),
        ("Fri, 02 Jan 99999 03:04:35 GMT", None),
        ("2026-01-02T03:04:35Z", None),
    ],
)
def test_retry_after_text(text: str | None, seconds: float | None) -> None:
    """Retry-After is seconds or an HTTP date in any of its three forms; the past is now, the rest nothing."""
    assert parse_retry_after(text, NOW) == seconds


dates = st.text('Fri, Jan0123456789:+-GMT()\r\n"\\', max_size=40)


@given(st.one_of(st.text(), dates, st.text("0123456789", max_size=400)))
def test_any_retry_after(text: str) -> None:
    """Any text is read as a number of seconds that is not negative, or as nothing; it never raises."""
    seconds = parse_retry_after(text, NOW)
    assert seconds is None or 0.0 <= seconds < 1e13


@given(st.integers(0, 10**9), st.integers(-12, 14))
def test_a_date_in_any_zone(ahead: int, hours: int) -> None:
    """A date is read as the seconds until then, whatever its zone."""
    when = datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=ahead)
    text = format_datetime(when.astimezone(timezone(timedelta(hours=hours))))
    assert parse_retry_after(text, NOW) == ahead
    assert parse_retry_after(format_datetime(when, usegmt=True), NOW) == ahead
