"""What a producer's client reports of each record: whether it counts as there.

librdkafka (2.16) takes for acknowledged what the broker calls a copy of an earlier record, and says no
offset. What was sent twice has one: the broker remembers where the first one lies. Without it the log is
another one, made anew under the producer: a later record came first, the broker began to count with its
number, and what came after it with lower ones is nowhere.

The rule: such a report is no acknowledgement. Who publishes again may have it there twice, which is better
than not at all.
"""

from __future__ import annotations

from confluent_kafka import KafkaError, Message

_WHY = "the broker calls it a copy, and does not say where the first one lies: it may be there or not"


class DeliveryReports:
    """Hears all reports of one client, in their order."""

    def __init__(self) -> None:
        self._next: dict[tuple[str | None, int | None], int] = {}
        """The offset that the next record of a batch without one is given, by partition."""

    def refusal_of(self, error: KafkaError | None, message: Message) -> KafkaError | None:
        """Why a record does not count as there; None where it does."""
        if error is not None:
            return error
        offset = message.offset()
        if offset is not None and not self._next:
            return None
        return self._refusal_without(offset, message)

    def _refusal_without(self, offset: int | None, message: Message) -> KafkaError | None:
        """Refuse all of a batch: the client counts on from its offset, also where that is -1, which is none.

        A batch that happens to begin where that count has come to is refused too, and so there twice.
        """
        at = message.topic(), message.partition()
        if offset is not None and self._next.pop(at, None) != offset:
            return None
        self._next[at] = 0 if offset is None else offset + 1
        return KafkaError(KafkaError.DUPLICATE_SEQUENCE_NUMBER, _WHY)
