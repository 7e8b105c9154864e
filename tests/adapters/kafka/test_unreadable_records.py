"""Where reading goes on after an unreadable batch, by what the client says of the offsets around its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from confluent_kafka import KafkaError, Message, TopicPartition

from worker.adapters.kafka import unreadable_records
from worker.adapters.kafka.unreadable_records import next_readable
from worker.core.place import Place
from worker.core.record import Partition

AT, BAD, SIZE = Partition("conversions", 0), 20, 4
NOT_AN_OFFSET = 8_680_820_740_569_200_761
"""Made of the bytes of a batch."""


def said(offset: int, code: int | None = None) -> Message:
    """What the client says of an offset."""
    return Message(AT.topic, AT.number, offset, error=None if code is None else KafkaError(code))


class _Client:
    """Says what a client says of a log with one rotten batch; after its error, of an offset that is none.

    First of all it says that its group is refused, which is of no partition.
    """

    def __init__(self, _config: object) -> None:
        self._coming: Iterator[Message] = iter(())
        self._late = [Message(error=KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED))]

    def assign(self, places: Sequence[TopicPartition]) -> None:
        (place,) = places
        coming, self._late = [*self._late, said(place.offset)], []
        if BAD <= place.offset < BAD + SIZE:
            coming[-1] = said(BAD, KafkaError._BAD_MSG)
            self._late = [said(NOT_AN_OFFSET, KafkaError._AUTO_OFFSET_RESET)]
        self._coming = iter(coming)

    def poll(self, _seconds: float) -> Message | None:
        return next(self._coming, None)

    def close(self) -> None: ...


def test_what_is_made_of_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch is passed over as a whole, though the client speaks of offsets amid its bytes, and late.

    Nor does it matter what it says of its group.
    """
    monkeypatch.setattr(unreadable_records, "Consumer", _Client)
    assert next_readable({}, Place(AT, BAD)) == BAD + SIZE
