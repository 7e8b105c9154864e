"""Which attempts are traced, decided before anything is made for tracing.

The rules: the producer's context decides; without one each conversion has the same chance, decided once, at
its source. An untraced attempt costs a decrement, or a glance at the context.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from math import log, log1p

from worker.core.record import Header
from worker.core.tracing import TRACEPARENT, SpanContext

# A readable, unsampled context of W3C's first version.
_LEFT_OUT = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f][02468ace]")


class Sampling:
    """Chooses a `share` of the conversions without a context; `chance` gives a number in [0, 1)."""

    __slots__ = ("_chance", "_share", "left_out")

    def __init__(self, share: float, chance: Callable[[], float]) -> None:
        self._share, self._chance = share, chance
        self.left_out = left_out(share, chance())
        """How many more are skipped before the next traced one; whoever skips one decrements it."""

    def is_traced(self, context: SpanContext | None, on_tier: bool) -> bool:
        """Return whether an attempt is traced, given its readable `context` or None.

        On a tier None means no: if the first attempt had been traced, there would be a context.
        """
        if context is not None or on_tier:
            return context is not None and context.is_sampled
        if self.left_out:
            self.left_out -= 1
            return False
        self.left_out = left_out(self._share, self._chance())
        return True


def left_out(share: float, chance: float) -> int:
    """How many conversions are skipped before a traced one, as if each were drawn with `share`.

    `chance` in [0, 1) decides for all of them at once.
    """
    if share >= 1.0:
        return 0
    return sys.maxsize if share <= 0.0 else int(min(log(1.0 - chance) / log1p(-share), sys.maxsize))


def traceparent_of(headers: Iterable[Header]) -> bytes | None:
    """The header that may hold a context; the last of repeated ones counts."""
    parent = None
    for name, value in headers:
        if name == TRACEPARENT:
            parent = value
    return parent


def asks_for_none(parent: bytes) -> bool:
    """Return whether a `traceparent` clearly asks for no spans; if False, it must be parsed."""
    return _LEFT_OUT.fullmatch(parent) is not None
