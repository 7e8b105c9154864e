"""Which troubles are news, of those that are told again and again.

The rule: the same trouble is told at most once in REPEAT_AFTER_SECONDS; time is an argument.
"""

from __future__ import annotations

import re

REPEAT_AFTER_SECONDS = 30.0
"""Seconds before the same trouble is told again."""

_NUMBERS = re.compile(r"[0-9]+")


class RepeatedTroubles:
    """Lets each trouble through at most once in REPEAT_AFTER_SECONDS; numbers in it make no difference."""

    _MOST_TROUBLES = 64

    def __init__(self) -> None:
        self._told: dict[str, float] = {}

    def is_news(self, text: str, now: float) -> bool:
        """Whether to report it now; a yes counts as reported."""
        trouble = _NUMBERS.sub("#", text)
        last = self._told.get(trouble)
        if last is not None and now - last < REPEAT_AFTER_SECONDS:
            return False
        if len(self._told) >= self._MOST_TROUBLES:
            self._told.clear()
        self._told[trouble] = now
        return True
