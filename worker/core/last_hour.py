"""What happened in the last hour, by the minute: for whoever looks at how it goes.

The rule: a minute counts what was written in it, by Kafka's time, and nothing twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Minute(NamedTuple):
    """A minute that begins `at` (epoch seconds).

    `published` is how many records came to the source, those of other destinations included, None while that
    is not known. `failed` counts attempts by their status, or by the kind of failure; `waiting` are those of
    them that went to a tier. `dead` counts by reason, what was cancelled included.
    """

    at: float
    published: int | None = None
    delivered: int = 0
    failed: Mapping[str, int] = {}
    waiting: int = 0
    dead: Mapping[str, int] = {}
    duplicates: int = 0
