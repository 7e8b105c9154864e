"""An attempt that counts, as it is remembered beside the ending that it led to.

The rule: values alone; what they mean was judged elsewhere.
"""

from __future__ import annotations

from typing import NamedTuple

from schemas import ConversionEvent
from worker.core.answer import Answer, Request


class Trial(NamedTuple):
    """What was asked for which event, how long it took in seconds, and what came of it."""

    event: ConversionEvent
    request: Request
    seconds: float
    answer: Answer
