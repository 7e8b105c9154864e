"""The partner: a process that logs each request, then answers it or misbehaves as it was told.

The rule: a request is in the log before anything is done about it; a 200 is logged once it is written.
Orders come on stdin as JSON lines, each is answered with a line on stdout; the end of stdin ends it.

Event ids may say how their own requests fare: `…-poison` always gets a 400, `…-never` a 500, `…-busy` a 429
with a long Retry-After, `…-once` a 500 the first time, `…-hang` no answer until `{"hang": false}`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import socket
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

from tests.chaos.logs import ANSWERED, ASKED, RECORDED, Answered, Asked, Log

HOST = "127.0.0.1"
# Seconds, below every timeout that a run sets.
SLOW = {"slow": (0.2, 1.2), "slower": (2.0, 4.0)}
BUSY_FOR = 60
"""Seconds that a 429 asks to wait."""

# In a query, a path, a form or JSON.
_EVENT = re.compile(rb'event_id(?:=|/|":")([^& /"?]+)')
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: ?([0-9]+)")
_WORKER = re.compile(rb"(?i)\r\nx-worker: ?([^\r]+)")
_REASONS = {"200": "OK", "400": "Bad Request", "429": "Too Many Requests", "500": "Internal Server Error"}
_ALWAYS = {"-poison": "400", "-never": "500", "-busy": "429"}


class Partner:
    """Its mood, and what it has seen."""

    def __init__(self, folder: Path, port: int, seed: int) -> None:
        self._asked, self._answered = Log(folder / ASKED), Log(folder / ANSWERED)
        self._port = port
        self._random = random.Random(seed)
        self._mode, self._share, self._delay = "ok", 0.5, 0.0
        self._hanging = True
        self._failed_once: set[str] = set()
        self._count = 0
        self._server: asyncio.Server | None = None
        self.visits: set[Visit] = set()

    async def obey(self, order: dict[str, Any]) -> None:
        """Take on a mode, its share, and each 200's delay.

        The modes: `ok`, `slow`, `slower`, `errors`, `reset`, `hang`, `outage`. `reset` resets the connection,
        every second time after the conversion was recorded.
        """
        self._mode = order.get("mode", self._mode)
        self._share = order.get("share", self._share)
        self._delay = order.get("delay", self._delay)
        self._hanging = order.get("hang", self._hanging)
        if self._mode == "outage":
            self.refuse()
        elif self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(lambda: Visit(self), HOST, self._port, backlog=512)

    def refuse(self) -> None:
        """Stop listening and drop who is connected."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for visit in list(self.visits):
            visit.reset()

    def on_request(self, visit: Visit, request: bytes) -> None:
        """Log it, then do it."""
        event, worker = _EVENT.search(request), _WORKER.search(request)
        name = unquote(event[1].decode()) if event else ""
        self._count += 1
        number, action = self._count, self._action(name)
        self._asked.write(
            Asked(number, name, worker[1].decode() if worker else "", time.monotonic(), time.time(), action)
        )
        if action == RECORDED:
            self._answered.write(Answered(number, time.monotonic()))
        if action in {"reset", RECORDED}:
            visit.reset()
        elif action in SLOW:
            self._answer_later(visit, number, self._random.uniform(*SLOW[action]))
        elif action == "200" and self._delay:
            self._answer_later(visit, number, self._delay)
        elif action != "hang":
            self._answer(visit, number, action)

    def _answer_later(self, visit: Visit, number: int, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._answer, visit, number, "200")

    def _answer(self, visit: Visit, number: int, status: str) -> None:
        if visit.gone:
            return
        at = time.monotonic()
        wait = f"Retry-After: {BUSY_FOR}\r\n" if status == "429" else ""
        visit.write(f"HTTP/1.1 {status} {_REASONS[status]}\r\n{wait}Content-Length: 0\r\n\r\n".encode())
        if status == "200":
            self._answered.write(Answered(number, at))

    def _action(self, event: str) -> str:
        if event.endswith("-hang") and self._hanging:
            return "hang"
        if self._mode in {"errors", "reset", "hang"} and self._random.random() < self._share:
            return self._misdeed()
        if (status := _ALWAYS.get(event[event.rfind("-") :])) is not None:
            return status
        if event.endswith("-once") and event not in self._failed_once:
            self._failed_once.add(event)
            return "500"
        return self._mode if self._mode in SLOW else "200"

    def _misdeed(self) -> str:
        if self._mode == "errors":
            return "500"
        return RECORDED if self._mode == "reset" and self._random.random() < 0.5 else self._mode


class Visit(asyncio.Protocol):
    """One connection to the partner."""

    def __init__(self, partner: Partner) -> None:
        self._partner = partner
        self._pending = b""

    @property
    def gone(self) -> bool:
        """Whether nobody listens any more."""
        return self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._partner.visits.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._partner.visits.discard(self)

    def data_received(self, data: bytes) -> None:
        self._pending += data
        while size := _size_of(self._pending):
            request, self._pending = self._pending[:size], self._pending[size:]
            self._partner.on_request(self, request)

    def write(self, data: bytes) -> None:
        """Send."""
        self._transport.write(data)

    def reset(self) -> None:
        """Close with a reset."""
        sock: socket.socket = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()


def _size_of(data: bytes) -> int:
    """How many bytes the first request has, with its body; 0 while it is not whole."""
    head = data.find(b"\r\n\r\n") + 4
    length = _LENGTH.search(data[:head])
    size = head + (int(length[1]) if length else 0)
    return size if head >= 4 and size <= len(data) else 0


async def serve(folder: Path, port: int, seed: int) -> None:
    """Serve until stdin ends."""
    partner = Partner(folder, port, seed)
    orders = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while line := await orders.readline():
        await partner.obey(json.loads(line))
        print("done", flush=True)
    partner.refuse()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the partner."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.partner")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    asyncio.run(serve(options.folder, options.port, options.seed))


if __name__ == "__main__":
    main()
