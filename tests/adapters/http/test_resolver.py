"""Names are looked up side by side, and nobody waits for a name server that is away."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.adapters.http.world import SHORT, World, send
from tests.runner.harness import until
from tests.support.partner import then_hang
from worker.adapters.http.resolver import ThreadResolver
from worker.core.answer import Failure, FailureKind, Request

MANY = 40
"""More than any pool of threads has."""

HANGING = """
import asyncio, socket, sys, threading
from worker.adapters.http import SenderOptions, make_sender
from worker.core.answer import HttpOrigin, Request

async def main():
    sender = make_sender(sys.argv[1], SenderOptions(timeout=0.2))
    lane = sender.lane()
    print((await lane.send(Request(HttpOrigin("https", "partner.example", 443), "/p"))).kind.value)
    await lane.close()
    await sender.close()

socket.getaddrinfo = lambda *_, **__: threading.Event().wait()
if sys.argv[2] == "uvloop":
    import uvloop as loop
else:
    loop = asyncio
loop.run(main())
"""


async def test_addresses() -> None:
    """All addresses of a name are told, each with its port and kind."""
    (found,) = {(one["host"], one["port"]) for one in await ThreadResolver().resolve("127.0.0.1", 80)}
    assert found == ("127.0.0.1", 80)


async def test_no_address() -> None:
    """What the system's resolver raises reaches who asked."""
    with pytest.raises(socket.gaierror):
        await ThreadResolver().resolve("name.invalid", 80)


async def test_names_that_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that no server answers for hold up no other."""
    look_up, may_end = socket.getaddrinfo, threading.Event()

    def looked_up(host: str, *rest: Any, **how: Any) -> Any:
        if host.startswith("hanging"):
            may_end.wait()
        return look_up("127.0.0.1", *rest, **how)

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    resolver = ThreadResolver()
    hanging = [
        asyncio.ensure_future(resolver.resolve(f"hanging-{number}.example", 80)) for number in range(MANY)
    ]
    await asyncio.sleep(0)
    async with asyncio.timeout(10.0):
        assert await resolver.resolve("other.example", 80)
    may_end.set()
    assert all(await asyncio.gather(*hanging))


async def test_name_servers_that_are_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that was answered before means the same while nobody answers, until there is another answer."""
    monkeypatch.setattr("worker.adapters.http.resolver.PATIENCE_SECONDS", 0.01)
    may_end, asked = threading.Event(), list[str]()
    later, unknown = socket.gaierror(socket.EAI_AGAIN, "later"), socket.gaierror(socket.EAI_NONAME, "unknown")
    says: list[Any] = ["8.8.8.8", later, may_end, later, "8.8.4.4", unknown, later]

    def look_up(host: str, *_: Any, **__: Any) -> Any:
        asked.append(host)
        said = says.pop(0)
        if said is may_end:
            may_end.wait()
            said = "8.8.8.9"
        if isinstance(said, OSError):
            raise said
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (said, 80))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    resolver = ThreadResolver()

    async def address() -> str:
        (found,) = await resolver.resolve("partner.example", 80)
        return found["host"]

    assert [await address() for _ in range(2)] == ["8.8.8.8"] * 2
    assert [await address() for _ in range(3)] == ["8.8.8.8"] * 3
    assert len(asked) == 3  # one that hangs is not asked again
    may_end.set()
    await until("it is answered", resolver._asked["partner.example", 80, socket.AF_UNSPEC].done)
    assert [await address() for _ in range(2)] == ["8.8.8.9", "8.8.4.4"]
    for text in ("unknown", "later"):
        with pytest.raises(socket.gaierror, match=text):
            await address()


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("transport", ["direct", "session"])
def test_end_of_the_process(transport: str, loop: str) -> None:
    """A process ends though the look-up of a name has not."""
    ran = subprocess.run(
        [sys.executable, "-c", HANGING, transport, loop],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "timeout\n", "")


class Waiting(AbstractResolver):
    """A resolver that waits for a name server that is away."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        await asyncio.Event().wait()
        return []

    async def close(self) -> None: ...


async def test_no_connection_in_time(world: World) -> None:
    """A name, a connection, an answer that does not come in time are told apart."""
    partner = await world.partner(then_hang())
    unanswered = Failure(FailureKind.TIMEOUT, "no answer in time")
    assert await send(world.sender(timeout=4 * SHORT), partner) == unanswered  # a busy machine connects in it
    origin = partner.origin._replace(host="partner.example")
    answer = await world.sender(timeout=SHORT, resolver=Waiting()).lane().send(Request(origin, "/p"))
    assert answer == unanswered._replace(error="the host did not resolve in time")
