"""Which currencies a destination takes, and why an event is not for it.

The rule: an event without payout and currency is never refused for its currency.
"""

from __future__ import annotations

from collections.abc import Collection

from schemas import ConversionEvent
from schemas.currency import USD


def foreign_currency(event: ConversionEvent, taken: Collection[str]) -> str | None:
    """Why a destination that takes these currencies does not take the event's; None if it does."""
    currency = event.currency
    if currency in taken or (currency == USD and event.payout is None):
        return None
    return f"currency is {currency}, and this destination is configured for {', '.join(sorted(taken))} alone"
