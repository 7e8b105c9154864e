"""Which currencies a destination takes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.examples import make_event
from worker.core.currencies import foreign_currency


@pytest.mark.parametrize(
    ("fields", "taken"),
    [
        ({"payout": "5"}, {"USD"}),
        ({"payout": "5", "currency": "EUR"}, {"USD", "EUR"}),
        ({"currency": "EUR"}, {"EUR"}),
        ({}, {"EUR"}),
    ],
)
def test_taken(fields: dict[str, Any], taken: set[str]) -> None:
    """An event is taken in each currency that is configured, and one without any money in it always."""
    assert foreign_currency(make_event(**fields), taken) is None


@pytest.mark.parametrize(
    ("fields", "taken", "says"),
    [
        ({"payout": "5"}, {"EUR"}, "currency is USD, and this destination is configured for EUR alone"),
        ({"currency": "EUR"}, {"USD"}, "currency is EUR, and this destination is configured for USD alone"),
        (
            {"payout": "5", "currency": "JPY"},
            {"USD", "EUR"},
            "currency is JPY, and this destination is configured for EUR, USD alone",
        ),
    ],
)
def test_foreign(fields: dict[str, Any], taken: set[str], says: str) -> None:
    """An event in another currency is not taken, and both are named."""
    assert foreign_currency(make_event(**fields), taken) == says
