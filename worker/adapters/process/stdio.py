"""Opens missing standard descriptors, for a program that was started without one of them.

The rule: descriptors 0 to 2 are open before anything else is opened. Otherwise the next file or socket takes
such a number, printed text lands in it, and libuv aborts the process at its end.
"""

from __future__ import annotations

import os
import sys

# Reading stdin and writing stdout still fail, as on a closed descriptor; stderr swallows everything.
_ACCESS = (os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)


def open_missing() -> None:
    """Open closed descriptors of 0 to 2 on the null device."""
    for number, access in enumerate(_ACCESS):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, access)  # takes the lowest free number: this one
            os.set_inheritable(number, True)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - lives as long as we do
