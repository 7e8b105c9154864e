"""Good and bad values of the source topic: the rules of the event, one row each, used by several suites."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

NOW: Final = datetime(2026, 1, 10, tzinfo=UTC).timestamp()
"""The reader's clock in these tests, in epoch seconds."""

LEAST: Final[dict[str, Any]] = {
    "event_id": "e-1",
    "click_id": "c-1",
    "occurred_at": "2026-01-02T03:04:05Z",
}
"""An event with the required fields alone."""


def value_of(**fields: Any) -> bytes:
    """Return the least event with these fields changed, as JSON."""
    return json.dumps(LEAST | fields).encode()


def value_with(member: str) -> bytes:
    """Return the least event with one more member, as raw JSON text: `"payout":1e2`."""
    return json.dumps(LEAST).encode()[:-1] + b"," + member.encode() + b"}"


def value_without(field: str) -> bytes:
    """Return the least event without one field."""
    return json.dumps({name: value for name, value in LEAST.items() if name != field}).encode()


GOOD_PAYOUTS: Final = {
    '"0"': "0.00",
    '"0.0"': "0.00",
    '"0.00"': "0.00",
    '"5"': "5.00",
    '"2.5"': "2.50",
    '"49.99"': "49.99",
    '"9999999999.99"': "9999999999.99",
    "0": "0.00",
    "0.00": "0.00",
    "0e5": "0.00",
    "0e999999999999999999999": "0.00",
    "5": "5.00",
    "5.000": "5.00",
    "49.99": "49.99",
    "0.1": "0.10",
    "1e2": "100.00",
    "1E-2": "0.01",
    "499900e-4": "49.99",
    "9999999999.99": "9999999999.99",
    "49.9900000000000000000000000000000000000": "49.99",
}
"""The payout as it is written in JSON, and as the partner gets it."""

BAD_PAYOUTS: Final = [
    '""',
    '"-0"',
    '"-1"',
    '"+1"',
    '"00"',
    '"01"',
    '".5"',
    '"5."',
    '"5.0000"',
    '"1e2"',
    '" 5"',
    '"5 "',
    '"5\\n"',
    '"1_0"',
    '"5,00"',
    '"\\u0665"',
    '"NaN"',
    '"Infinity"',
    '"10000000000"',
    "-1",
    "-0.01",
    "1E+100000000",
    "1e400",
    "1e99999999999999999999",
    "10000000000",
    "9999999999.9999",
    "1e10",
    "true",
    "false",
    "{}",
    "[]",
    "[5]",
]
"""Payouts whose form or size is wrong."""

INEXACT_PAYOUTS: Final = [
    '"5.000"',
    '"9999999999.999"',
    "9999999999.991",
    "9999999999.999",
    "-0",
    "-0.0",
    "-0e5",
    "0.001",
    "5.001",
    "49.990000000000000001",
    "1e-3",
    "1e-100000000",
]
"""Bad payouts too, but the JSON Schema does not say so: numbers that are minus zero, and no whole cents."""

GOOD_IN_CURRENCY: Final = {
    ("USD", "null"): None,
    ("EUR", '"49.9"'): "49.90",
    ("JPY", '"0"'): "0",
    ("JPY", '"500"'): "500",
    ("JPY", '"9999999999"'): "9999999999",
    ("JPY", "500"): "500",
    ("JPY", "500.000"): "500",
    ("JPY", "5e2"): "500",
    ("JPY", "0e9"): "0",
    ("KWD", '"0"'): "0.000",
    ("KWD", '"1.5"'): "1.500",
    ("KWD", '"1.505"'): "1.505",
    ("KWD", '"9999999999.999"'): "9999999999.999",
    ("KWD", "1.505"): "1.505",
    ("KWD", "9999999999.999"): "9999999999.999",
    ("CLF", '"1.505"'): "1.505",
    ("XAU", '"2"'): "2",
}
"""A currency, a payout as it is written in JSON, and as the partner gets it."""

BAD_IN_CURRENCY: Final = [
    ("EUR", '"5.001"'),
    ("EUR", "5.001"),
    ("JPY", '"500.0"'),
    ("JPY", '"500."'),
    ("JPY", "500.5"),
    ("JPY", "-0"),
    ("JPY", '"10000000000"'),
    ("KWD", '"1.5000"'),
    ("KWD", "1.0001"),
    ("KWD", '"10000000000.000"'),
    ("CLF", '"1.5050"'),
    ("XAU", '"2.0"'),
]
"""Payouts that are none in their currency."""

NOT_IN_SCHEMA: Final = [
    ("EUR", '"5.001"'),
    ("EUR", "5.001"),
    ("JPY", '"500.0"'),
    ("JPY", "500.5"),
    ("JPY", "-0"),
    ("KWD", "1.0001"),
    ("XAU", '"2.0"'),
]
"""Those of them which the JSON Schema takes: it does not say how many decimals each currency has."""

GOOD_TIMES: Final = {
    "2026-01-02T03:04:05Z": "2026-01-02T03:04:05.000000Z",
    "2026-01-02t03:04:05z": "2026-01-02T03:04:05.000000Z",
    "2026-01-02T03:04:05.6Z": "2026-01-02T03:04:05.600000Z",
    "2026-01-02T03:04:05.678901999Z": "2026-01-02T03:04:05.678901Z",
    "2026-01-02T03:04:05+00:00": "2026-01-02T03:04:05.000000Z",
    "2026-01-02T03:04:05-00:00": "2026-01-02T03:04:05.000000Z",
    "2026-01-02T03:04:05+23:59": "2026-01-01T03:05:05.000000Z",
    "2026-01-02T03:04:05-05:30": "2026-01-02T08:34:05.000000Z",
    "2024-02-29T00:00:00Z": "2024-02-29T00:00:00.000000Z",
    "2016-12-31T23:59:60Z": "2017-01-01T00:00:00.000000Z",
    "2016-12-31T23:59:60.999Z": "2017-01-01T00:00:00.000000Z",
    "2016-12-31t15:59:60.5-08:00": "2017-01-01T00:00:00.000000Z",
    "2017-01-01T01:29:60+01:30": "2017-01-01T00:00:00.000000Z",
    "0001-01-01T00:00:00Z": "0001-01-01T00:00:00.000000Z",
    "0001-01-01T00:00:00-23:59": "0001-01-01T23:59:00.000000Z",
}
"""A date-time as it may be written, and in the form that is written back."""

BAD_TIMES: Final = [
    "",
    "2026-01-02",
    "2026-01-02T03:04Z",
    "2026-01-02T03:04:05",
    "2026-01-02 03:04:05Z",
    "2026-01-02_03:04:05Z",
    " 2026-01-02T03:04:05Z",
    "2026-01-02T03:04:05Z ",
    "2026-01-02T03:04:05Z\n",
    "2026-01-02T03:04:05.Z",
    "2026-01-02T03:04:05,5Z",
    "2026-01-02T03:04:05+0000",
    "2026-01-02T03:04:05+00",
    "2026-01-02T03:04:05+24:00",
    "2026-01-02T03:04:05+00:60",
    "2026-01-02T24:00:00Z",
    "2026-01-02T03:60:05Z",
    "2026-01-02T03:04:61Z",
    "2026-1-2T03:04:05Z",
    "26-01-02T03:04:05Z",
    "+2026-01-02T03:04:05Z",
    "20260102T030405Z",
    "2026-W01-5T03:04:05Z",
    "1767323045",
    "1767323045.5",
    "\u0662026-01-02T03:04:05Z",
]
"""Date-times whose form is wrong."""

UNREAL_TIMES: Final = [
    "2026-13-02T03:04:05Z",
    "2026-00-02T03:04:05Z",
    "2026-02-29T03:04:05Z",
    "2026-04-31T03:04:05Z",
    "2016-12-31T23:58:60Z",
    "2016-12-31T22:59:60Z",
    "2016-12-31T23:59:60+01:00",
    "2016-02-31T23:59:60Z",
    "9999-12-31T23:59:60Z",
    "0000-01-01T00:00:00Z",
    "0000-12-31T23:59:59-00:01",
    "0001-01-01T00:00:00+00:01",
    "9999-12-31T23:59:59-00:01",
    "9999-12-31T23:59:59.9999Z",
]
"""Bad date-times too, but a JSON Schema can't say so: there is no such day, second or moment in UTC."""

CONTROLS: Final = ["\x00", "\x09", "\x0a", "\x0d", "\x1f", "\x7f", "\x80", "\x85", "\x9f"]
"""Some of Unicode's Cc: C0, DEL and C1, their edges among them."""

NO_CONTROLS: Final = [" ", "~", "\xa0", "\xad", "\u200b", "\u2028", "é", "日本", "😀", "&=#%+"]
"""Characters beside them that are allowed."""
