"""The machine's clocks."""

from __future__ import annotations

import time


class SystemClock:
    """Both kinds of time, as the operating system has them."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
