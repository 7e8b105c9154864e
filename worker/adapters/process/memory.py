"""Limits how much freed memory the process keeps.

The rule: with a C library that can't do this, nothing is done.
"""

from __future__ import annotations

import ctypes

_KEPT = {-8: 2, -3: 64 * 1024, -1: 128 * 1024}
"""glibc's M_ARENA_MAX, M_MMAP_THRESHOLD and M_TRIM_THRESHOLD (malloc.h), which it would raise by itself."""


def keep_little() -> None:
    """Have all threads share a few malloc arenas, so that memory freed by one serves the others.

    Call it before there are other threads. Otherwise each thread of librdkafka would keep an arena as large
    as what it once fetched. Large blocks, such as fetched data, are mapped alone and returned at once.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, value in _KEPT.items():
            mallopt(option, value)
