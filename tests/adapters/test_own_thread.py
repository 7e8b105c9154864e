"""A blocking call is heard of on the loop, and waited for by nobody."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from worker.adapters.own_thread import in_own_thread

NEVER_ANSWERED = """
import asyncio, threading
from worker.adapters.own_thread import in_own_thread

async def main():
    answer = in_own_thread("asking", threading.Event().wait)
    await asyncio.wait([answer], timeout=0.1)
    answer.cancel()

asyncio.run(main())
print("ended")
"""


async def test_what_it_returns() -> None:
    """The answer is what the call returned, and another thread made it."""
    assert await in_own_thread("asking", lambda: threading.current_thread().name) == "asking"


async def test_what_it_raises() -> None:
    """What the call raises reaches who asked."""
    with pytest.raises(ZeroDivisionError):
        await in_own_thread("asking", lambda: 1 // 0)


async def test_given_up() -> None:
    """An answer that nobody wants any more harms nothing."""
    may_end = threading.Event()
    given_up, other = in_own_thread("asking", may_end.wait), in_own_thread("asking", may_end.wait)
    given_up.cancel()
    may_end.set()
    assert await other
    assert given_up.cancelled()


def test_never_answered() -> None:
    """A process ends though a call has not."""
    ran = subprocess.run(
        [sys.executable, "-c", NEVER_ANSWERED], capture_output=True, text=True, timeout=30, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "ended\n", "")
