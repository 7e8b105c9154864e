"""Passing over what is another destination's, where it is read: no record is made of it.

The rules: it costs neither demand nor room, and leaves nothing but a count and how far the reading got; and
what had to be parsed to route a record goes with it, so that a small one is parsed once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from worker.adapters.kafka.records import Got, headers_of, to_record
from worker.core.record import Partition, Record, make
from worker.core.routing import PASSED, Routed, Router

MOST_PARSED_BYTES = 4096
"""Bytes of the largest record that is held parsed, too: that takes several times its bytes."""


class PassedOver(NamedTuple):
    """How many records of each topic, and the offset behind the last of each partition."""

    counts: Mapping[str, int]
    behind: Mapping[Partition, int]


class PassingOver:
    """Asks the router of each message; the consumer's thread's own."""

    def __init__(self, router: Router) -> None:
        self._route = router.route
        self._takes_all = router.takes_all
        self._passed: list[Partition] = []
        self._last: dict[Partition, Got] = {}

    def taken(self, message: Got, at: Partition) -> Record | None:
        """Make a record of a message, or None where it is passed over."""
        fields: Routed
        if self._takes_all:  # headers alone decide, and most records have none
            record = to_record(message, at)
            if not record.headers or self._route(at.topic, record.headers, message.value) is None:
                return record
            fields = PASSED
        else:
            fields = self._route(at.topic, headers_of(message), message.value)
        if fields is PASSED:
            self._passed.append(at)
            self._last[at] = message
            return None
        record = to_record(message, at)
        if fields is None or record.size > MOST_PARSED_BYTES:
            return record
        return make(Record, (*record[:-1], fields))

    def tell(self) -> PassedOver | None:
        """What was passed over since this was last called, None where nothing was."""
        if not self._passed:
            return None
        counts: Counter[str] = Counter()
        for at, count in Counter(self._passed).items():
            counts[at.topic] += count
        told = PassedOver(counts, {at: message.offset() + 1 for at, message in self._last.items()})
        self._passed, self._last = [], {}
        return told
