"""The errors of operations."""

from __future__ import annotations

from collections.abc import Iterable


class CannotDo(Exception):
    """It can't be done: a line for each reason, and maybe a hint."""

    def __init__(self, reasons: Iterable[str], hint: str | None = None) -> None:
        self.reasons = list(reasons)
        self.hint = hint
        super().__init__("; ".join(self.reasons))


class WrongUsage(CannotDo):
    """It can't be done with these values or settings."""


class BrokerUnavailable(CannotDo):
    """The broker does not answer, or refuses; it may answer later."""
