"""An attempt that counts, kept beside the ending that it led to.

The rule: it holds only values; what they mean is judged elsewhere.
"""

from __future__ import annotations

from typing import NamedTuple

from schemas import ConversionEvent
from worker.core.answer import Answer, Request


class Trial(NamedTuple):
    """The event, its request, how many seconds it took, and the answer."""

    event: ConversionEvent
    request: Request
    seconds: float
    answer: Answer
