"""How much of the memory that was used the process keeps.

The rule: where the system's C library knows nothing of this, nothing is done.
"""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8  # of glibc's malloc.h
_ARENAS = 2


def keep_little() -> None:
    """Have all threads take memory from the same few places, so that what one has freed serves the others.

    To be called before there are other threads. Each of librdkafka's would keep a place of its own, where
    what it once fetched has lain.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _ARENAS)
