"""Searches the beginning of an answer's body for a regular expression, within bounded time.

The rule: whatever the expression and the body, the search ends; one that is cut off has found nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Protocol, cast

LONGEST_SECONDS = 0.05
"""Seconds that one search may take, during which nothing else is sent. Most take some microseconds."""


class _Compiled(Protocol):
    def search(self, body: bytes, *, timeout: float) -> object: ...


@dataclass(frozen=True)
class BodyPattern:
    """An expression as written, compiled once; ValueError if it is invalid."""

    text: str

    def __post_init__(self) -> None:
        _compiled(self.text)

    def is_in(self, body: bytes) -> bool:
        """Whether it matches anywhere in these bytes; also False if the search takes too long."""
        try:
            return _compiled(self.text).search(body, timeout=LONGEST_SECONDS) is not None
        except TimeoutError:
            return False


@cache
def _compiled(text: str) -> _Compiled:
    import regex  # only if an expression is set: it takes 10 ms to load

    try:
        return cast("_Compiled", regex.compile(text.encode()))
    except regex.error as error:
        raise ValueError(f"is not a regular expression: {error}") from None
