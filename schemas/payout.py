"""What a conversion pays: an exact decimal of two places in US dollars, 0.00 to 9999999999.99.

The rule: a string counts by its form, a number by its exact value; nothing is rounded, so floats are refused.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal
from functools import lru_cache
from typing import Annotated, Final

from pydantic import GetPydanticSchema, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError, core_schema

PAYOUT_PATTERN: Final = r"^(0|[1-9][0-9]{0,9})(\.[0-9]{1,2})?$"
PAYOUT_MAX: Final = Decimal("9999999999.99")
PAYOUT_RULE: Final = (
    'must be 0 to 9999999999.99 with at most 2 decimals, such as "49.99" or 49.99, and never -0'
)

_FORM: Final = re.compile(PAYOUT_PATTERN)
_CENT: Final = Decimal("0.01")
_ZERO: Final = Decimal("0.00")
_CONTEXT: Final = Context(prec=28, traps=[])
"""Our own: what the calling thread set for its decimals changes nothing here, and nothing traps."""


def exact_number(literal: str) -> Decimal:
    """Read a JSON number's text without loss; one whose exponent no decimal can hold comes back as NaN."""
    mantissa = Decimal(literal.lower().partition("e")[0])
    return mantissa if mantissa.is_zero() else Decimal(literal, _CONTEXT)


def _validate(value: object) -> Decimal:
    """Return the payout with two decimals, or raise with what would be right."""
    if isinstance(value, str):
        return _of_text(value)
    if isinstance(value, Decimal):
        return _of_number(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return _of_number(Decimal(value))
    if isinstance(value, float):
        raise PydanticCustomError(
            "payout", "a float is not exact: give a Decimal or a string; it " + PAYOUT_RULE
        )
    raise _refusal()


@lru_cache(maxsize=1024)  # shops have few prices; only valid texts are kept, and those are short
def _of_text(text: str) -> Decimal:
    if _FORM.fullmatch(text) is None:
        raise _refusal()
    return Decimal(text).quantize(_CENT, context=_CONTEXT)


def _of_number(number: Decimal) -> Decimal:
    if not number.is_finite() or number.is_signed():
        raise _refusal()
    if number.is_zero():
        return _ZERO
    if number.adjusted() > PAYOUT_MAX.adjusted():  # before any arithmetic: the exponent may be enormous
        raise _refusal()
    cents = number.quantize(_CENT, context=_CONTEXT)
    if cents != number:
        raise _refusal()
    return cents


def _refusal() -> PydanticCustomError:
    return PydanticCustomError("payout", PAYOUT_RULE)


Payout = Annotated[
    Decimal,
    GetPydanticSchema(lambda _source, _handler: core_schema.no_info_plain_validator_function(_validate)),
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": PAYOUT_PATTERN},
                {"type": "number", "minimum": 0, "maximum": 9999999999.99},
            ]
        }
    ),
]
"""A payout field under the rule above. With its two decimals `str` is its text: `49.99`, `5.00`, `0.00`."""
