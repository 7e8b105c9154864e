"""The machine's clocks."""

from __future__ import annotations

import time


class SystemClock:
    """Both kinds of time, and the processor's, as the operating system has them."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
    processor = staticmethod(time.thread_time)
