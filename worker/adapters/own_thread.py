"""Makes a blocking call, of a client or of the system's resolver, in a thread of its own.

The rule: neither the loop nor the end of the process waits for it; if no answer comes, the thread is left
behind. The loop's default executor is left to files.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, TypeVar

_Answer = TypeVar("_Answer")


def in_own_thread(name: str, call: Callable[[], _Answer]) -> asyncio.Future[_Answer]:
    """What `call` returns or raises, delivered on this loop; `name` is the thread's."""
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

    threading.Thread(target=work, name=name, daemon=True).start()
    return answer
