"""A quiet line now and then about what flows, for whoever watches a worker at a terminal.

The rule: a line is written only if something happened since the last one; it holds nothing but numbers.
"""

from __future__ import annotations

from worker.adapters.structlog_alone import structlog
from worker.core.endings import Dead, Delivered, RetryLater
from worker.ports import Observer

EVERY_SECONDS = 10.0
"""Seconds between two lines."""


class FlowLog(Observer):
    """An observer that counts what ends, and writes a line of it when asked to."""

    def __init__(self, destination: str) -> None:
        self._log = structlog.get_logger("worker").bind(destination=destination)
        self._delivered = self._failing = self._dead = 0

    def delivered(self, ending: Delivered, now: float) -> None:  # noqa: ARG002 - the port's metrics use it
        """Count a delivery."""
        self._delivered += 1

    def retried(self, ending: RetryLater) -> None:  # noqa: ARG002
        """Count an attempt that failed."""
        self._failing += 1

    def dead(self, ending: Dead) -> None:  # noqa: ARG002
        """Count a dead letter."""
        self._dead += 1

    def write(self, in_flight: int, waiting: int) -> None:
        """Write what ended since the last line, and what is in flight and waits in the tiers now."""
        counts = {"delivered": self._delivered, "failing": self._failing, "dead": self._dead}
        self._delivered = self._failing = self._dead = 0
        if any(counts.values()):
            self._log.info("flow", **counts, in_flight=in_flight, waiting=waiting)
