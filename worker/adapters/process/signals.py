"""What signals do, from the first moment of the process on.

| signal | `run` | every other command |
| --- | --- | --- |
| TERM, INT, HUP | drains; before there is anything to drain, exit 0 at once | ends as Ctrl-C does: exit 1 |
| USR1 | logs one line of status | nothing |
| USR2 | nothing | nothing |

The rules: INT and HUP stay ignored if they were ignored at the start (a background job, `nohup`). An
interrupt is not lost if Python can't raise it to anybody (in a finalizer, in a callback of a weak reference).
One line reports an interrupt, whatever signals come meanwhile; after that, another one ends the process at
once.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

from worker.adapters.process import stderr

HANG_UP = signal.SIGHUP
ONCE_MORE_SECONDS = 0.02
"""Seconds after which an interrupt that could not be raised is raised again."""

INTERRUPTED = "error: interrupted"
"""The line about an interrupt."""

# The command is `run`, as far as known; until it sets its own handlers nothing is in flight.
_is_run = False
# The process is the program's own, not a test's.
_is_own = False


def set_up() -> None:
    """Take over the signals, before the program is loaded."""
    global _is_own  # noqa: PLW0603 - there is one process
    _is_own = True
    begin("run" in sys.argv)
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    for number in heeded():
        if number is not signal.SIGINT or _is_run:  # otherwise Python's own handler raises KeyboardInterrupt
            signal.signal(number, _end)
    sys.unraisablehook = _unheard
    sys.excepthook = _uncaught


@contextmanager
def last_words() -> Iterator[None]:
    """Let no signal disturb what is printed inside; after it, a signal ends the process at once."""
    if not _is_own:
        yield
        return
    heard = heeded()
    signal.setitimer(signal.ITIMER_REAL, 0.0)
    for number in (*heard, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    yield
    stderr.settle()
    for number in heard:
        signal.signal(number, signal.SIG_DFL)


def begin(is_run: bool) -> None:
    """Note which command it is."""
    global _is_run  # noqa: PLW0603 - there is one process
    _is_run = is_run


def heeded() -> list[signal.Signals]:
    """The signals that ask the process to end."""
    asked = (signal.SIGTERM, signal.SIGINT, HANG_UP)
    return [one for one in asked if one is signal.SIGTERM or signal.getsignal(one) is not signal.SIG_IGN]


def _end(number: int, _frame: FrameType | None) -> None:
    if _is_run:
        os._exit(0)
    if number == HANG_UP:
        signal.signal(HANG_UP, signal.SIG_IGN)  # the terminal and the shell each send one
    raise KeyboardInterrupt


def _unheard(told: sys.UnraisableHookArgs) -> None:
    """Called with an exception that Python can't raise: by default it prints it and goes on."""
    if not issubclass(told.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(told)
        return
    if not sys.is_finalizing():
        signal.signal(signal.SIGALRM, _end)
        signal.setitimer(signal.ITIMER_REAL, ONCE_MORE_SECONDS)


def _uncaught(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
    """Called with an uncaught exception: an interrupt that came while the first was being reported."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, at)
        return
    with last_words():
        print(INTERRUPTED, file=sys.stderr)
