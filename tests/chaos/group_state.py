"""The state of a consumer group, asked of its broker in Kafka's own words.

The rule: no client library. librdkafka 2.16's DescribeConsumerGroups aborts the process (`rd_kafka_enq_once`)
when the broker is killed under it, and this is asked while brokers are killed.
"""

from __future__ import annotations

import socket
import struct
from contextlib import suppress

AWAY = "AWAY"
STALLED = frozenset({"PreparingRebalance", "CompletingRebalance", AWAY})
"""The states in which a member's commits may have to wait: for the others to join, or for the broker."""

_DESCRIBE_GROUPS, _VERSION = 15, 0
_STATE_AT = 4 + 4 + 2  # correlation id, length of the array, error code; then group id and state


class GroupState:
    """Asks one broker, on one connection for as long as it lasts; `patience` in seconds for each answer."""

    def __init__(self, bootstrap: str, group: str, patience: float) -> None:
        host, port = bootstrap.split(":")
        self._address = (host, int(port))
        self._request = _request(group)
        self._patience = patience
        self._socket: socket.socket | None = None

    def ask(self) -> str:
        """`Stable`, `PreparingRebalance`, …, or AWAY where the broker does not answer."""
        try:
            return self._ask()
        except (OSError, EOFError):
            self.close()
            return AWAY

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
            self._socket = None

    def _ask(self) -> str:
        if self._socket is None:
            self._socket = socket.create_connection(self._address, self._patience)
        self._socket.sendall(self._request)
        (length,) = struct.unpack(">i", self._receive(4))
        answer = self._receive(length)
        (error,) = struct.unpack_from(">h", answer, _STATE_AT - 2)
        _, end = _text(answer, _STATE_AT)
        return AWAY if error else _text(answer, end)[0]

    def _receive(self, count: int) -> bytes:
        assert self._socket is not None
        data = b""
        while len(data) < count:
            piece = self._socket.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data


def _request(group: str) -> bytes:
    """Write DescribeGroups: api, version, correlation id, client id, an array of one group."""
    head = struct.pack(">hhi", _DESCRIBE_GROUPS, _VERSION, 1)
    body = head + _string("sampler") + struct.pack(">i", 1) + _string(group)
    return struct.pack(">i", len(body)) + body


def _string(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def _text(data: bytes, at: int) -> tuple[str, int]:
    """Read a string, and say where the next thing begins."""
    (length,) = struct.unpack_from(">h", data, at)
    return data[at + 2 : at + 2 + length].decode(), at + 2 + length
