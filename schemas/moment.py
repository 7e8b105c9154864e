"""A moment in time: an aware datetime in Python, strict RFC 3339 text outside.

The rule: text has a date, `T`, a time and an offset (`Z` or `+hh:mm`), and nothing else; no Unix timestamps.
A leap second (`23:59:60` in UTC) is the start of the second after it. Digits beyond microseconds are cut off.
A moment lies between FIRST and LAST in UTC, so that neither converting nor writing it ever overflows.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from pydantic import GetPydanticSchema, PlainSerializer, WithJsonSchema
from pydantic_core import SchemaValidator, ValidationError, core_schema

MOMENT_PATTERN: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
"""The form of a date-time; whether the day exists, and the second 60, are checked separately."""

MOMENT_RULE: Final = "must be an RFC 3339 date-time with an offset, such as 2026-01-02T03:04:05Z"

FIRST: Final = datetime(1, 1, 1, tzinfo=UTC)
LAST: Final = datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
"""The last millisecond: beyond it, epoch seconds as a float round up into the year 10000."""

_PLAIN_PATTERN: Final = (
    r"^[12][0-9]{3}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
"""The form of nearly all texts: Python's own reader reads these the same, but faster than pydantic.

In UTC it gives Python's own zone, whose arithmetic is far cheaper than that of pydantic's.
"""

_LEAP: Final = re.compile(r"(.{17})60(?:\.[0-9]+)?(.+)")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_WITHOUT_ZONE: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - the text is given its Z by hand
_LAST_SECOND_OF_DAY: Final = 86_399


def moment_text(moment: datetime) -> str:
    """Write a moment in UTC with microseconds, always in the same form: `2026-01-02T03:04:05.000000Z`."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def format_time(epoch_s: float) -> str:
    """Write epoch seconds as RFC 3339 UTC with milliseconds: `2026-01-02T03:04:05.678Z`.

    It rounds up to the next millisecond: `parse_time` of the text is never earlier than `epoch_s`.
    A time outside the years 1 to 9999 raises OverflowError, NaN raises ValueError.
    """
    milliseconds = round(epoch_s * 1000)
    if milliseconds / 1000 < epoch_s:
        milliseconds += 1
    return (_EPOCH_WITHOUT_ZONE + timedelta(milliseconds=milliseconds)).isoformat(
        timespec="milliseconds"
    ) + "Z"


def parse_time(text: str) -> float | None:
    """Read RFC 3339 text as epoch seconds; None where it is no moment. Never raises."""
    try:
        moment: datetime = _VALIDATOR.validate_python(text)
    except ValidationError:
        return None
    return moment.timestamp()


def _after_leap_second(text: str) -> datetime:
    """Read a text whose second is 60: the start of the next one, and only at midnight in UTC."""
    found = _LEAP.fullmatch(text)
    if found is None:
        raise ValueError("not a leap second")
    before = datetime.fromisoformat((found[1] + "59" + found[2]).upper())
    if (before - _EPOCH) // timedelta(seconds=1) % 86_400 != _LAST_SECOND_OF_DAY:
        raise ValueError("no leap second at this time of day")
    if before > LAST - timedelta(seconds=1):
        raise ValueError("after the last year")
    return before.astimezone(UTC) + timedelta(seconds=1)


def _from_python(moment: object) -> datetime:
    """Take an aware datetime out of its zone: comparisons across zones fail where clocks are set back."""
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise ValueError("not an aware datetime")
    if not FIRST <= moment <= LAST:
        raise ValueError("outside the years 0001 to 9999 in UTC")
    return moment.astimezone(UTC)


def _moment_schema() -> core_schema.CoreSchema:
    """Try in order: text of the plain form, text of the whole form, a leap second, a Python datetime."""
    usual = core_schema.no_info_after_validator_function(
        datetime.fromisoformat, core_schema.str_schema(pattern=_PLAIN_PATTERN, strict=True)
    )
    text = core_schema.str_schema(pattern=MOMENT_PATTERN, strict=True)
    plain = core_schema.datetime_schema(
        strict=False,
        tz_constraint="aware",
        ge=FIRST,
        le=LAST,
    )
    leap = core_schema.no_info_plain_validator_function(_after_leap_second)
    return core_schema.union_schema(
        [
            usual,
            core_schema.chain_schema([text, plain]),
            core_schema.chain_schema([text, leap]),
            core_schema.no_info_plain_validator_function(_from_python),
        ],
        mode="left_to_right",
        custom_error_type="moment",
        custom_error_message=f"{MOMENT_RULE} (from Python, an aware datetime)",
    )


_VALIDATOR: Final = SchemaValidator(_moment_schema())

Moment = Annotated[
    datetime,
    GetPydanticSchema(lambda _source, _handler: _moment_schema()),
    PlainSerializer(moment_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": MOMENT_PATTERN}),
]
"""A datetime field under the rule above; in JSON it is written by `moment_text`."""
