"""Which attempts are traced, found out before anything is made for them.

The rules: what the producer's context says counts; without one each conversion is traced with the same
chance, decided once, at its source. What is not traced costs a count, or a glance at the context.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from math import log, log1p

from worker.core.record import Header
from worker.core.tracing import TRACEPARENT, SpanContext

# A context of W3C's first version that can be read, and is not sampled.
_LEFT_OUT = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f][02468ace]")


class Sampling:
    """Chooses a `share` of the conversions that nobody has decided of; `chance` is from 0 to below 1."""

    __slots__ = ("_chance", "_share", "left_out")

    def __init__(self, share: float, chance: Callable[[], float]) -> None:
        self._share, self._chance = share, chance
        self.left_out = left_out(share, chance())
        """How many more are not traced before the next that is; whoever leaves one out takes one off."""

    def is_traced(self, context: SpanContext | None, on_tier: bool) -> bool:
        """Tell whether an attempt is traced; it has `context`, or none that can be read.

        On a tier none means no: had the first attempt been traced there would be one.
        """
        if context is not None or on_tier:
            return context is not None and context.is_sampled
        if self.left_out:
            self.left_out -= 1
            return False
        self.left_out = left_out(self._share, self._chance())
        return True


def left_out(share: float, chance: float) -> int:
    """How many conversions are not traced before one that is, as if `share` were asked for each of them.

    `chance` is from 0 to below 1, and decides of all of them at once.
    """
    if share >= 1.0:
        return 0
    return sys.maxsize if share <= 0.0 else int(min(log(1.0 - chance) / log1p(-share), sys.maxsize))


def traceparent_of(headers: Iterable[Header]) -> bytes | None:
    """The header that may hold a context; of those that repeat the last counts."""
    parent = None
    for name, value in headers:
        if name == TRACEPARENT:
            parent = value
    return parent


def asks_for_none(parent: bytes) -> bool:
    """Tell at a glance that a `traceparent` asks for no spans; where False it has to be read."""
    return _LEFT_OUT.fullmatch(parent) is not None
