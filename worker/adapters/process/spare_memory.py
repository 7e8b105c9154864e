"""Memory that was used and is free, given back to the machine.

The rule: it is asked for where much was used for once; a C library that can't leaves it as it is.
"""

from __future__ import annotations

import ctypes

MANY_RECORDS = 100_000
"""After so many the memory that reading took is given back: it is more than what is kept of them."""


class SpareMemory:
    """What reading records leaves behind."""

    def __init__(self) -> None:
        self._looked_at = 0

    def look(self, read: int) -> None:
        """Have it given back where many were read since the last time; `read` counts all there were."""
        if read - self._looked_at >= MANY_RECORDS:
            self._looked_at = read
            trim = getattr(
                ctypes.CDLL(None), "malloc_trim", None
            )  # glibc does so by itself at its ends alone
            if trim is not None:
                trim(0)
