"""How much of the memory that was used the process keeps.

The rule: where the system's C library knows nothing of this, nothing is done.
"""

from __future__ import annotations

import ctypes

_KEPT = {-8: 2, -3: 64 * 1024, -1: 128 * 1024}
"""Of glibc's malloc.h: M_ARENA_MAX, M_MMAP_THRESHOLD and M_TRIM_THRESHOLD, which it would raise by itself."""


def keep_little() -> None:
    """Have all threads take memory from the same few places, so that what one has freed serves the others.

    To be called before there are other threads. Each of librdkafka's would keep a place of its own, where
    what it once fetched has lain. What is large, as what it fetches, lies alone and goes back at once.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, value in _KEPT.items():
            mallopt(option, value)
