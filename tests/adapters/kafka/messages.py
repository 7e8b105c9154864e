"""Messages of Kafka's client, without a client.

The rule: a message has what it was made of, and says so where something is asked for that should not be.
"""

from __future__ import annotations

from worker.core.record import Headers, Partition

AT = Partition("conversions", 3)


class FakeMessage:
    """A message of AT; its value may be forbidden to be read."""

    def __init__(
        self, offset: int, value: bytes | None, headers: Headers | None = None, *, closed: bool = False
    ) -> None:
        self._offset, self._value, self._headers = offset, value, headers
        self._closed = closed

    def topic(self) -> str:
        return AT.topic

    def partition(self) -> int:
        return AT.number

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes | None:
        return b"key"

    def value(self) -> bytes | None:
        assert not self._closed, "its value was read"
        return self._value

    def headers(self) -> Headers | None:
        return self._headers

    def leader_epoch(self) -> int | None:
        return 0

    def timestamp(self) -> tuple[int, int]:
        return 1, 1_000

    def error(self) -> None:
        return None
