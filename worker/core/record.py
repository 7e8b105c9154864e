"""A record as the worker holds it: where it stood in Kafka and the bytes that it carried.

The rule: key, value and the producer's own headers are bytes that nobody here changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

make = tuple.__new__
"""Makes a NamedTuple of all of its values, in their order: a third of what its own constructor costs."""

Header = tuple[str, bytes | None]
Headers = Sequence[Header]
Fields = Mapping[str, Any]
"""A value that is a JSON object, as it was parsed: nobody has validated it."""


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.number}"


class Record(NamedTuple):
    """One record as it was read; `timestamp` is Kafka's, in epoch seconds (0.0 where there is none)."""

    at: Partition
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: float
    size: int = 0
    """Bytes of key, value and headers."""
    fields: Fields | None = None
    """The value, parsed, where whoever read it had to know its fields and it is small; else None."""

    @property
    def origin(self) -> str:
        """`topic/partition/offset`, as the `postback-origin` header has it."""
        return f"{self.at.topic}/{self.at.number}/{self.offset}"


def size_of(key: bytes | None, value: bytes | None, headers: Headers) -> int:
    """Bytes of what a record carries."""
    size = len(key or b"") + len(value or b"")
    return size + sum(len(name) + len(text or b"") for name, text in headers) if headers else size


class Outgoing(NamedTuple):
    """One record to be published to a topic of the worker's own."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    partition: int | None = None
    """Its number; the key says it where it is None."""

    def within(self, partitions: int) -> Outgoing:
        """The record for a topic of so many partitions; where that is not known (0), as it is.

        A partition that the topic does not have becomes the one that is left by division.
        """
        if self.partition is None or self.partition < partitions or not partitions:
            return self
        return self._replace(partition=self.partition % partitions)
