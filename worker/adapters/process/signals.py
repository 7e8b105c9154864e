"""What the signals do, from the first moment of the process on.

| signal | `run` | every other command |
| --- | --- | --- |
| TERM, INT, HUP | drains; before there is anything to drain, exit 0 at once | ends as Ctrl-C does: exit 1 |
| USR1 | logs one line of status | nothing |
| USR2 | nothing | nothing |

The rules: INT and HUP stay ignored where they were ignored at the start (a background job, `nohup`). An
interrupt is not lost where Python has nobody to raise it to (a finalizer, a callback of a weak reference).
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

HANG_UP = signal.SIGHUP
ONCE_MORE_SECONDS = 0.02
"""After these an interrupt that nobody heard of is raised again."""

# The command is `run`, as far as is known: nothing is in flight until it listens by itself.
_is_run = False


def set_up() -> None:
    """Take the signals over, before the program is loaded."""
    begin("run" in sys.argv)
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    for number in heeded():
        if number is not signal.SIGINT or _is_run:  # else Python's own handler raises KeyboardInterrupt
            signal.signal(number, _end)
    sys.unraisablehook = _unheard


def begin(is_run: bool) -> None:
    """Note which command it is."""
    global _is_run  # noqa: PLW0603 - there is one process
    _is_run = is_run


def heeded() -> list[signal.Signals]:
    """The signals that ask for an end."""
    asked = (signal.SIGTERM, signal.SIGINT, HANG_UP)
    return [one for one in asked if one is signal.SIGTERM or signal.getsignal(one) is not signal.SIG_IGN]


def _end(number: int, _frame: FrameType | None) -> None:
    if _is_run:
        os._exit(0)
    if number == HANG_UP:
        signal.signal(HANG_UP, signal.SIG_IGN)  # the terminal and the shell both send one
    raise KeyboardInterrupt


def _unheard(told: sys.UnraisableHookArgs) -> None:
    """What Python calls with an exception that it can't raise: by itself it would print it and go on."""
    if not issubclass(told.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(told)
        return
    signal.signal(signal.SIGALRM, _end)
    signal.setitimer(signal.ITIMER_REAL, ONCE_MORE_SECONDS)
