"""Loops that refuse the calls of other threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.support.one_thread import AsyncioLoop, UvLoop

Call = Callable[[asyncio.AbstractEventLoop, asyncio.Future[None]], object]

CALLS: dict[str, Call] = {
    "call_soon": lambda loop, _: loop.call_soon(print),
    "call_at": lambda loop, _: loop.call_at(loop.time(), print),
    "call_later": lambda loop, _: loop.call_later(0, print),
    "a future's result": lambda _, future: future.set_result(None),
    "a task": lambda loop, _: asyncio.Task(asyncio.sleep(0), loop=loop),
}


@pytest.mark.parametrize("kind", [AsyncioLoop, UvLoop])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.filterwarnings("ignore:coroutine 'sleep' was never awaited")
def test_of_another_thread(kind: type[asyncio.AbstractEventLoop], call: Call) -> None:
    """What another thread calls is refused there."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        future.add_done_callback(lambda _: None)
        with pytest.raises(RuntimeError, match="another thread"):
            await asyncio.to_thread(call, loop, future)

    with asyncio.Runner(loop_factory=kind) as runner:
        runner.run(main())


@pytest.mark.parametrize("kind", [AsyncioLoop, UvLoop])
def test_its_own(kind: type[asyncio.AbstractEventLoop]) -> None:
    """Its own thread's calls are made, and those of others that it is told of safely."""

    async def main() -> None:
        loop, heard = asyncio.get_running_loop(), asyncio.Queue[str]()
        loop.call_soon(heard.put_nowait, "soon")
        loop.call_later(0, heard.put_nowait, "later")
        await asyncio.to_thread(loop.call_soon_threadsafe, heard.put_nowait, "safely")
        assert {await heard.get() for _ in range(3)} == {"soon", "later", "safely"}

    with asyncio.Runner(loop_factory=kind) as runner:
        runner.run(main())


async def test_all_tests(request: pytest.FixtureRequest) -> None:
    """Every test runs on one of them."""
    assert isinstance(asyncio.get_running_loop(), AsyncioLoop | UvLoop)
