"""Passing over what the destination does not take: such a record is finished as soon as it is read.

The rule: nothing is kept of it but that its offset is finished, so that its commit goes with those of others.
"""

from __future__ import annotations

from collections import Counter

from worker.core.record import Record
from worker.core.routing import Router
from worker.ports import Observer


class Passing:
    """Asks the router of records of the source; what was passed over is told once a batch."""

    def __init__(self, router: Router, observer: Observer) -> None:
        self._takes = router.takes
        self._observer = observer
        self.asks_all = not router.takes_all
        """Whether every record need be asked for, not only those with headers."""
        self._passed: Counter[str] = Counter()
        self.told = 0
        """How many have been told of in all."""

    def passes(self, record: Record) -> bool:
        """Tell whether a record is not this destination's, and count it then."""
        if self._takes(record):
            return False
        self._passed[record.at.topic] += 1
        return True

    def tell(self) -> None:
        """Tell how many were passed over since this was last called."""
        if self._passed:
            for topic, count in self._passed.items():
                self._observer.passed(topic, count)
                self.told += count
            self._passed.clear()
