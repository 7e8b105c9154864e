"""Currencies and their decimals, from ISO 4217's own table in the package iso4217.

The rule: a code is one of that table, in capitals; nothing is added to it and nothing guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import iso4217
from pydantic import GetPydanticSchema, WithJsonSchema
from pydantic_core import PydanticCustomError, core_schema

USD: Final = "USD"
"""The currency of an event that names none."""

CURRENCY_RULE: Final = "must be a currency's code by ISO 4217 in capitals, such as USD, EUR or JPY"

DECIMALS: Final[Mapping[str, int]] = {listed.code: listed.exponent or 0 for listed in iso4217.Currency}
"""Each currency and its decimals: USD 2, JPY 0, KWD 3; what has no smaller unit (gold, XXX) has none."""


def _validate(value: object) -> str:
    """Return the code, or `USD` for None; raise with what would be right."""
    if value is None:
        return USD
    if isinstance(value, str) and value in DECIMALS:
        return value
    raise PydanticCustomError("currency", CURRENCY_RULE)


def _schema(_source: Any, _handler: Any) -> core_schema.CoreSchema:
    return core_schema.no_info_plain_validator_function(_validate)


Currency = Annotated[
    str, GetPydanticSchema(_schema), WithJsonSchema({"type": "string", "enum": sorted(DECIMALS)})
]
"""A currency field under the rule above; None is US dollars."""
