"""A way to a broker on which one answer can get lost: that to a heartbeat which tells a member of a change.

The rule: all else passes as it is.
"""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.support.broker import Broker
from tests.support.ports import HOST, free_port

HEARTBEAT = 68
"""The protocol's number of ConsumerGroupHeartbeat (KIP-848)."""


class Gate:
    """An async context manager; clients come to `bootstrap`, the broker listens for us at `inner`."""

    def __init__(self) -> None:
        self._port, self.inner = free_port(), free_port()
        self._server: asyncio.Server | None = None
        self._ways: set[asyncio.Task[None]] = set()
        self._loses = False
        self.lost = 0
        """How many answers got lost."""

    @property
    def bootstrap(self) -> str:
        """`host:port` for clients."""
        return f"{HOST}:{self._port}"

    def properties(self, broker: Broker) -> Mapping[str, str]:
        """What the broker needs to send clients that come through us through us again."""
        inside = f"PLAINTEXT://{broker.bootstrap}"
        return {
            "listeners": f"{inside},GATE://{HOST}:{self.inner},CONTROLLER://{broker.controller}",
            "advertised.listeners": f"{inside},GATE://{self.bootstrap}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,GATE:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
        }

    def lose_next(self) -> None:
        """Lose the next answer that tells of partitions."""
        self._loses = True

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._open, HOST, self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for way in tuple(self._ways):
            way.cancel()
        await asyncio.gather(*self._ways, return_exceptions=True)

    def _open(self, client: StreamReader, to_client: StreamWriter) -> None:
        way = asyncio.create_task(self._connect(client, to_client))
        self._ways.add(way)
        way.add_done_callback(self._ways.discard)

    async def _connect(self, client: StreamReader, to_client: StreamWriter) -> None:
        with suppress(OSError):
            broker, to_broker = await asyncio.open_connection(HOST, self.inner)
            heartbeats: set[bytes] = set()

            def asked(frame: bytes) -> bool:
                if int.from_bytes(frame[:2]) == HEARTBEAT:
                    heartbeats.add(frame[4:8])
                return True

            def passes(frame: bytes) -> bool:
                return frame[:4] not in heartbeats or not self._is_lost(frame)

            ways = [_pass(client, to_broker, asked), _pass(broker, to_client, passes)]
            try:
                done = [asyncio.ensure_future(way) for way in ways]
                await asyncio.wait(done, return_when=asyncio.FIRST_COMPLETED)
                for way in done:
                    way.cancel()
                await asyncio.gather(*done, return_exceptions=True)
            finally:
                to_broker.close()
                to_client.close()

    def _is_lost(self, frame: bytes) -> bool:
        if not self._loses or not _tells(frame):
            return False
        self._loses = False
        self.lost += 1
        return True


async def _pass(source: StreamReader, to: StreamWriter, passes: Callable[[bytes], bool]) -> None:
    with suppress(OSError, asyncio.IncompleteReadError):
        while True:
            size = await source.readexactly(4)
            frame = await source.readexactly(int.from_bytes(size))
            if passes(frame):
                to.write(size + frame)
                await to.drain()


def _tells(answer: bytes) -> bool:
    """Whether an answer to a heartbeat tells which partitions the member has."""
    at = 4 + 1 + 4 + 2  # the number of the question, no tags, the time of throttling, the error
    for _ in ("its text", "the member"):
        at += max(answer[at], 1)  # a length and one, or 0 for none; below 127
    at += 4 + 4  # the member's epoch, the interval
    return answer[at] == 1
