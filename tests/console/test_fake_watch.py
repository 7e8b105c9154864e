"""The watch in memory does what the real one does."""

from __future__ import annotations

from typing import Any

import pytest

from tests.console.fake_watch import FakeWatch
from tests.console.topics import letter
from tests.console.watch_suite import WatchSuite
from worker.console.watch import UndeliveredRow
from worker.core.record import Partition, Record
from worker.core.undelivered import Undelivered, UndeliveredState
from worker.core.undelivered_reader import read_letter
from worker.ops.dead_letters import letter_of

DLQ = Partition("g.dlq", 0)


class FakeWorld:
    """Dead letters in memory."""

    def __init__(self) -> None:
        self.name, self.watch = "one", FakeWatch("one")
        self._rows: list[UndeliveredRow] = []
        self._held = Undelivered(100)
        self._held.read_whole()

    def die(self, event_id: str, status: int, **fields: Any) -> None:
        """See World."""
        written, offset = letter(event_id, status=status, **fields), len(self._rows)
        record = Record(DLQ, offset, None, written.value, written.headers, 1.0)
        self._held.take(DLQ, offset, read_letter(record))
        dead = letter_of(record)
        self._rows.append(
            UndeliveredRow(UndeliveredState.DEAD, f"{DLQ}/{offset}", f"0/{offset}", dead.reason, None, dead)
        )
        self._say()

    def replay(self, event_id: str) -> None:
        """See World."""
        mine = [offset for offset, row in enumerate(self._rows) if row.letter.event_id == event_id]
        self._held.replayed(DLQ, mine)
        for offset in mine:
            self._rows[offset] = self._rows[offset]._replace(ended="replayed")
        self._say()

    def _say(self) -> None:
        self.watch.say(self.name, self._rows, undelivered=self._held.groups())


class TestFakeWatch(WatchSuite):
    """The suite."""

    @pytest.fixture
    def world(self) -> FakeWorld:
        """A world."""
        return FakeWorld()
