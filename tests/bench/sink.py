"""A partner that answers 200 to everything, in a process of its own: `python -m tests.bench.sink`.

The rule: it costs as little as it can, so that what is measured is the other side.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import ssl
import sys
import time
from pathlib import Path
from typing import cast

import trustme
import uvloop

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
END = b"\r\n\r\n"
NUMBER = re.compile(rb"click_id=click-(\d+)")


class Sink(asyncio.Protocol):
    """Answers each request, `latency` seconds later; notes in `stamps` when each event first arrived."""

    def __init__(self, latency: float, stamps: dict[int, float] | None) -> None:
        self._latency = latency
        self._stamps = stamps
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it

    def data_received(self, data: bytes) -> None:
        """Answer as many requests as are whole."""
        if self._stamps is not None and (found := NUMBER.search(data)) is not None:
            self._stamps.setdefault(int(found[1]), time.monotonic())
        data = self._rest + data
        count = data.count(END)
        self._rest = b"" if data.endswith(END) else data.rpartition(END)[2]
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, self._answer, count)
        else:
            self._answer(count)

    def _answer(self, count: int) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(ANSWER * count)


async def serve(latency: float, certificate: Path | None, stamp: bool) -> None:
    """Serve until stdin is closed; the first line on stdout is the port. TLS where `certificate` is given.

    With `stamp` the last line tells when each event first arrived, on the monotonic clock.
    """
    context = None
    if certificate is not None:
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
        authority.cert_pem.write_to_path(certificate)
    loop = asyncio.get_running_loop()
    stamps: dict[int, float] | None = {} if stamp else None
    server = await loop.create_server(
        lambda: Sink(latency, stamps), "127.0.0.1", 0, ssl=context, backlog=4096
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    if stamps is not None:
        print(json.dumps(stamps))


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument(
        "--tls", type=Path, metavar="FILE", help="serve TLS; write the authority's certificate there"
    )
    parser.add_argument("--stamp", action="store_true", help="tell at the end when each event arrived")
    given = parser.parse_args()
    uvloop.run(serve(given.latency, given.tls, given.stamp))


if __name__ == "__main__":
    main()
