"""Gives freed memory back to the machine.

The rule: it is done after much memory was used for once; with a C library that can't, nothing is done.
"""

from __future__ import annotations

import ctypes

MANY_RECORDS = 100_000
"""Records after which the memory that reading took is given back: it is more than what is kept of them."""


class SpareMemory:
    """Gives back the memory that reading records leaves behind."""

    def __init__(self) -> None:
        self._looked_at = 0

    def look(self, read: int) -> None:
        """Give it back if many were read since the last time; `read` counts all records so far."""
        if read - self._looked_at >= MANY_RECORDS:
            self._looked_at = read
            # By itself glibc gives back only the top of its heaps.
            trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
            if trim is not None:
                trim(0)
