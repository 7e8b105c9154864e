"""A record's place, written `topic/partition/offset` in headers, steps and settings.

The rule: what is written is read back; anything else, or an offset that Kafka can't have, is no place.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from worker.core.record import Partition

_WRITTEN = re.compile(r"([^/]{1,249})/([0-9]{1,10})/([0-9]{1,18})")
"""18 digits of an offset fit into 64 bits, like Kafka's own."""


class Place(NamedTuple):
    """Where a record, or a batch that begins with it, lies."""

    at: Partition
    offset: int

    def __str__(self) -> str:
        """The written form: `topic/partition/offset`."""
        return f"{self.at}/{self.offset}"


def read_place(text: str) -> Place | None:
    """Read the written form; None for anything else."""
    found = _WRITTEN.fullmatch(text)
    return None if found is None else Place(Partition(found[1], int(found[2])), int(found[3]))
