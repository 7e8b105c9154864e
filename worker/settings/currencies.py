"""Check that a destination with several currencies tells its partner the currency of each payout.

The rule: never send an amount whose currency the partner can't know.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from worker.settings.templates import parts_of

if TYPE_CHECKING:
    from worker.settings.destination import Destination


def problems(destination: Destination) -> Iterator[str]:
    """One line for each request with a payout whose currency is ambiguous."""
    if len(destination.currencies) == 1:
        return
    several = ", ".join(sorted(destination.currencies))
    for variable, parts in parts_of(destination).items():
        names = {macro.name for macro in parts.macros}
        if "payout" in names and "currency" not in names:
            yield (
                f"{variable}: has {{payout}} without {{currency}}, and "
                f"POSTBACK_DESTINATION__CURRENCIES has several ({several}): "
                "add the partner's parameter, such as &currency={currency}"
            )
