"""Where a record lies, and how that is written: `topic/partition/offset`, in headers, steps and settings.

The rule: what is written so is read back; anything else is no place, nor is an offset that Kafka can't have.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from worker.core.record import Partition

_WRITTEN = re.compile(r"([^/]{1,249})/([0-9]{1,10})/([0-9]{1,18})")
"""With so many digits an offset fits into 64 bits, as Kafka's do."""


class Place(NamedTuple):
    """Where a record, or a batch that begins with it, stands."""

    at: Partition
    offset: int

    def __str__(self) -> str:
        """Write it as it is named: `topic/partition/offset`."""
        return f"{self.at}/{self.offset}"


def read_place(text: str) -> Place | None:
    """Read what was written; None for anything else."""
    found = _WRITTEN.fullmatch(text)
    return None if found is None else Place(Partition(found[1], int(found[2])), int(found[3]))
