"""Whether a producer's delivery report counts as an acknowledgement.

librdkafka (2.16) counts a record as acknowledged if the broker calls it a duplicate of an earlier one. For a
real duplicate the broker remembers the first one's offset. Without an offset, the topic was made anew under
the producer: a later record came first, the broker began to count from its sequence number, and dropped those
with lower numbers that came after it.
The rule: a report without an offset is no acknowledgement. Publishing again may duplicate the record, which
is better than losing it.
"""

from __future__ import annotations

from confluent_kafka import KafkaError, Message

_WHY = "the broker calls it a copy, and does not say where the first one lies: it may be there or not"


class DeliveryReports:
    """Checks all reports of one client, in order."""

    def __init__(self) -> None:
        self._next: dict[tuple[str | None, int | None], int] = {}
        """By partition: the offset that the client will report for the next record of a batch without one."""

    def refusal_of(self, error: KafkaError | None, message: Message) -> KafkaError | None:
        """Why a record does not count as acknowledged; None if it does."""
        if error is not None:
            return error
        offset = message.offset()
        if offset is not None and not self._next:
            return None
        return self._refusal_without(offset, message)

    def _refusal_without(self, offset: int | None, message: Message) -> KafkaError | None:
        """Refuse all of a batch: the client counts up from its base offset, even if that is -1 (none).

        A batch that happens to begin at just that count is refused as well, and may be published twice.
        """
        at = message.topic(), message.partition()
        if offset is not None and self._next.pop(at, None) != offset:
            return None
        self._next[at] = 0 if offset is None else offset + 1
        return KafkaError(KafkaError.DUPLICATE_SEQUENCE_NUMBER, _WHY)
