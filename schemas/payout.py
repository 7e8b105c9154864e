"""What a conversion pays: an exact decimal with the decimals of its currency, below ten thousand million.

The rule: a string counts by its form, a number by its exact value; nothing is rounded, so floats are refused.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal
from functools import lru_cache
from typing import Annotated, Final

from pydantic import GetPydanticSchema, PlainSerializer, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError, core_schema

from schemas.currency import DECIMALS

MOST_DECIMALS: Final = 3
"""Decimals that a payout can have, whatever its currency: two of ISO's funds (CLF, UYW) have four."""

PAYOUT_PATTERN: Final = r"^(0|[1-9][0-9]{0,9})(\.[0-9]{1,3})?$"

_WHOLE_DIGITS: Final = 10
_FORMS: Final = [
    re.compile(r"(0|[1-9][0-9]{0,9})" + (rf"(\.[0-9]{{1,{decimals}}})?" if decimals else ""))
    for decimals in range(MOST_DECIMALS + 1)
]
_ZEROS: Final = [Decimal((0, (0,), -decimals)) for decimals in range(MOST_DECIMALS + 1)]
"""Indexed by the number of decimals: the form of a text, and a zero with the exponent that payouts get."""

_CONTEXT: Final = Context(prec=28, traps=[])
"""Our own context: the calling thread's decimal settings change nothing here, and nothing traps."""


def exact_number(literal: str) -> Decimal:
    """Read a JSON number's text without loss; NaN if no decimal can hold its exponent."""
    mantissa = Decimal(literal.lower().partition("e")[0])
    return mantissa if mantissa.is_zero() else Decimal(literal, _CONTEXT)


def minor_units(payout: Decimal, currency: str) -> int:
    """Return an event's payout in its currency's smallest unit: 49.99 USD is 4999, 500 JPY 500, 1.5 KWD 1500.

    Raises KeyError for an unknown currency.
    """
    return int(payout.scaleb(DECIMALS[currency], _CONTEXT))


def _validate(value: object, info: ValidationInfo) -> Decimal:
    """Return the payout with its currency's decimals, or raise with what would be right."""
    currency: str | None = info.data.get("currency")
    if isinstance(value, str):
        return _of_text(value, currency)
    if isinstance(value, Decimal):
        return _of_number(value, currency)
    if isinstance(value, int) and not isinstance(value, bool):
        return _of_number(Decimal(value), currency)
    if isinstance(value, float):
        raise PydanticCustomError("payout", "a float is not exact: give a Decimal or a string")
    raise _refusal(currency)


@lru_cache(maxsize=1024)  # shops have few prices; only valid texts are kept, and those are short
def _of_text(text: str, currency: str | None) -> Decimal:
    decimals = _decimals(currency)
    if _FORMS[decimals].fullmatch(text) is None:
        raise _refusal(currency)
    return Decimal(text).quantize(_ZEROS[decimals], context=_CONTEXT)


def _of_number(number: Decimal, currency: str | None) -> Decimal:
    if not number.is_finite() or number.is_signed():
        raise _refusal(currency)
    zero = _ZEROS[_decimals(currency)]
    if number.is_zero():
        return zero
    if number.adjusted() >= _WHOLE_DIGITS:  # before any arithmetic: the exponent may be enormous
        raise _refusal(currency)
    exact = number.quantize(zero, context=_CONTEXT)
    if exact != number:
        raise _refusal(currency)
    return exact


def _decimals(currency: str | None) -> int:
    """How many decimals a payout may have; the most there can be if the currency itself was refused."""
    return MOST_DECIMALS if currency is None else min(DECIMALS[currency], MOST_DECIMALS)


def _refusal(currency: str | None) -> PydanticCustomError:
    decimals = _decimals(currency)
    tail = f".{'9' * decimals}" if decimals else ""
    return PydanticCustomError(
        "payout",
        'must be 0 to {most} with {decimals} decimals ({currency}), such as "{good}" or {good}, never -0',
        {
            "most": "9" * _WHOLE_DIGITS + tail,
            "decimals": f"at most {decimals}" if decimals else "no",
            "currency": currency or "its currency",
            "good": f"49{tail}",
        },
    )


Payout = Annotated[
    Decimal,
    GetPydanticSchema(lambda _source, _handler: core_schema.with_info_plain_validator_function(_validate)),
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": PAYOUT_PATTERN},
                {"type": "number", "minimum": 0, "maximum": 9999999999.999},
            ]
        }
    ),
]
"""The payout of an event, whose currency is read before it. `str` is its text: `49.99`, `5.00`, `500`."""
