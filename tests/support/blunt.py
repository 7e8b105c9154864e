"""A partner of blocking sockets: what it does has reached the other end's socket when the call returns.

The rule: a test calls what blocks (`accept`, `request`) in a thread, and what does not from the loop itself,
at the very moment that it means.
"""

from __future__ import annotations

import fcntl
import socket
import ssl
import termios
import time
from types import TracebackType
from typing import Self

from tests.support.partner import length_of
from worker.core.answer import HttpOrigin


def _is_whole(data: bytes) -> bool:
    head, end, body = data.partition(b"\r\n\r\n")
    return bool(end) and len(body) >= length_of(head + end)


class Line:
    """One connection to the partner."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.requests = 0

    def request(self) -> None:
        """Wait for a request; raise EOFError where the visitor leaves instead."""
        data = b""
        while not _is_whole(data):
            piece = self._sock.recv(65536)
            if not piece:
                raise EOFError
            data += piece
        self.requests += 1

    def send(self, data: bytes) -> None:
        """Send at once."""
        self._sock.sendall(data)
        self._arrive()

    def end(self) -> None:
        """End the connection at once, without a word."""
        self._sock.shutdown(socket.SHUT_RDWR)
        self._arrive()

    def close(self) -> None:
        """Let go of the socket."""
        self._sock.close()

    def _arrive(self) -> None:
        """Wait until the other end's kernel has acknowledged everything."""
        unacknowledged, patience = bytearray(4), time.monotonic() + 5.0
        while time.monotonic() < patience:
            fcntl.ioctl(self._sock, termios.TIOCOUTQ, unacknowledged)
            if not any(unacknowledged):
                return
            time.sleep(0.001)
        raise TimeoutError("what was sent has not arrived")


class Blunt:
    """Listens on a port of its own of the loopback address; use as a context manager."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._lines: list[Line] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(20.0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        for line in self._lines:
            line.close()

    @property
    def origin(self) -> HttpOrigin:
        """Where the partner listens."""
        return HttpOrigin("https" if self._tls else "http", "127.0.0.1", self._listener.getsockname()[1])

    def accept(self) -> Line:
        """Wait for the next connection, and shake hands."""
        sock, _ = self._listener.accept()
        sock.settimeout(20.0)
        line = Line(self._tls.wrap_socket(sock, server_side=True) if self._tls else sock)
        self._lines.append(line)
        return line
