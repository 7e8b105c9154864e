"""The three standard descriptors, for a program that was started without one of them.

The rule: descriptors 0 to 2 are open before anything else is opened. Otherwise the next file or socket takes
the number, what is printed lands in it, and libuv aborts the process at its end.
"""

from __future__ import annotations

import os
import sys

# What was closed can't be used: a read of stdin and a write to stdout fail as they did. Stderr takes all.
_ACCESS = (os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)


def open_missing() -> None:
    """Open those of the descriptors 0 to 2 that are closed, on the null device."""
    for number, access in enumerate(_ACCESS):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, access)  # the lowest number that is free: this one
            os.set_inheritable(number, True)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - lives as long as we do
