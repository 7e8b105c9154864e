"""Withdraws the reports of killed workers from the control topic: they could not do so themselves.

The rule: a worker that lives writes its report again each day, so one of several days is nobody's. Workers of
a release that did not do that have their report withdrawn, too, and write it at the next change.
"""

from __future__ import annotations

import asyncio

from worker.core.worker_report import ABANDONED_AFTER_SECONDS, ended, is_report, read, report_id
from worker.ports import Clock, ControlNews, Publisher, PublishRefused

LOOK_SECONDS = 600.0
"""Seconds between two looks."""

MOST_OF_A_LOOK = 100
"""Most reports that one look withdraws."""

WRITE_SECONDS = 3.0
"""Seconds that a write may take; the next look tries again."""


class AbandonedReports:
    """Knows the reports on a control topic by what is heard of it; without a topic there are none."""

    def __init__(self, topic: str | None, publisher: Publisher, clock: Clock) -> None:
        self._topic, self._publisher, self._clock = topic, publisher, clock
        self._written_at: dict[str, float] = {}

    def hear(self, news: ControlNews) -> None:
        """Take news of the topic."""
        if news.anew:
            self._written_at.clear()
        for key, value in news.records:
            if not is_report(key):
                continue
            report = read(key, value)
            if report is not None:
                self._written_at[report.id] = report.at
            elif value is None and key is not None:
                self._written_at.pop(report_id(key), None)

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.withdraw()

    async def withdraw(self) -> None:
        """Withdraw what is abandoned, until the broker refuses; some, if it is much."""
        if self._topic is None:
            return
        latest = self._clock.now() - ABANDONED_AFTER_SECONDS
        abandoned = [name for name, at in self._written_at.items() if at < latest]
        for name in abandoned[:MOST_OF_A_LOOK]:
            try:
                async with asyncio.timeout(WRITE_SECONDS):
                    await self._publisher.publish(ended(name, self._topic))
            except (PublishRefused, TimeoutError):
                return
            self._written_at.pop(name, None)
