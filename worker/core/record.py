"""A record as the worker holds it: its place in Kafka and its bytes.

The rule: nobody here changes the bytes of key, value and the producer's own headers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

make = tuple.__new__
"""Makes a NamedTuple from all of its values, in order, at a third of the cost of its own constructor."""

Header = tuple[str, bytes | None]
Headers = Sequence[Header]
JsonFields = Mapping[str, Any]
"""A JSON object as it was parsed, not validated."""


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.number}"


class Record(NamedTuple):
    """One record as it was read; `timestamp` is Kafka's, in epoch seconds (0.0 if absent)."""

    at: Partition
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: float
    size: int = 0
    """Bytes of key, value and headers."""
    fields: JsonFields | None = None
    """The parsed value, if it is small and had to be parsed on reading; else None."""

    @property
    def origin(self) -> str:
        """`topic/partition/offset`, as the `postback-origin` header has it."""
        return f"{self.at.topic}/{self.at.number}/{self.offset}"


def size_of(key: bytes | None, value: bytes | None, headers: Headers) -> int:
    """Bytes of key, value and headers."""
    size = len(key or b"") + len(value or b"")
    return size + sum(len(name) + len(text or b"") for name, text in headers) if headers else size


CONTROL_PARTITION = 0
"""Where all records of a control topic go: their order tells which counts, also where it was given more."""


class Outgoing(NamedTuple):
    """One record to be published to a topic of the worker's own."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    partition: int | None = None
    """The partition's number; if None, the key decides."""

    def within(self, partitions: int) -> Outgoing:
        """The record for a topic of so many partitions; unchanged if that is unknown (0).

        A partition that the topic does not have is taken modulo their number.
        """
        if self.partition is None or self.partition < partitions or not partitions:
            return self
        return self._replace(partition=self.partition % partitions)
