"""Makes a blocking call, of a client or of the system's resolver, in a thread of its own.

The rule: neither the loop nor the end of the process waits for it; if no answer comes, the thread is left
behind. The end of a loop waits for its default executor, so nothing that may hang is left to that. A machine
that gives no more threads ends nothing: whoever asked is told so.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

_Answer = TypeVar("_Answer")


def _os_error(line: str) -> OSError:
    return OSError(errno.EAGAIN, line)


def _no_more(error: RuntimeError) -> str:
    return f"{error}: raise the limit of threads (ulimit -u, TasksMax, pids.max)"


def in_time(name: str, seconds: float, call: Callable[[], _Answer]) -> _Answer:
    """What `call` returns or raises; for a thread that may wait. Raises OSError if it takes longer."""
    answer: Future[_Answer] = Future()

    def work() -> None:
        try:
            answer.set_result(call())
        except Exception as error:
            answer.set_exception(error)

    try:
        threading.Thread(target=work, name=name, daemon=True).start()
        return answer.result(seconds)
    except RuntimeError as error:
        raise _os_error(_no_more(error)) from None
    except TimeoutError:
        if answer.done():  # the call raised it
            raise
        raise OSError(errno.ETIMEDOUT, f"no answer within {seconds:.0f} s") from None


def in_own_thread(
    name: str, call: Callable[[], _Answer], no_thread: Callable[[str], Exception] = _os_error
) -> asyncio.Future[_Answer]:
    """What `call` returns or raises, delivered on this loop; `name` is the thread's.

    If there are too many threads already, what `no_thread` makes of a line about it is raised.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[_Answer] = loop.create_future()

    def work() -> None:
        try:
            outcome = call()
        except Exception as error:
            tell(answer.set_exception, error)
        else:
            tell(answer.set_result, outcome)

    def tell(settle: Callable[[Any], None], outcome: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(lambda: None if answer.done() else settle(outcome))

    try:
        threading.Thread(target=work, name=name, daemon=True).start()
    except RuntimeError as error:
        answer.set_exception(no_thread(_no_more(error)))
    return answer
