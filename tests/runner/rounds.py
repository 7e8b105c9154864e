"""Waiting until a loop has gone round: what it has not done by then it does not do.

The rule: rounds are counted, not timed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tests.runner.harness import until


async def goes_round(of: object, name: str, times: int = 2) -> None:
    """Return once the method `name`, which is called once a round, was called and has ended so often."""
    method: Callable[[], Awaitable[None]] = getattr(of, name)
    ended = 0

    async def counted() -> None:
        nonlocal ended
        await method()
        ended += 1

    setattr(of, name, counted)
    try:
        await until(f"{times} calls of {name}", lambda: ended >= times)
    finally:
        delattr(of, name)
