"""Why something that was asked for can't be done."""

from __future__ import annotations

from collections.abc import Iterable


class CannotDo(Exception):
    """It can't be done: a line for each reason, and a hint where there is one."""

    def __init__(self, reasons: Iterable[str], hint: str | None = None) -> None:
        self.reasons = list(reasons)
        self.hint = hint
        super().__init__("; ".join(self.reasons))


class WrongUsage(CannotDo):
    """It can't be done as it was asked for: with other values, or other settings, it can."""


class BrokerUnavailable(CannotDo):
    """The broker does not answer, or refuses to; it may do so later."""
