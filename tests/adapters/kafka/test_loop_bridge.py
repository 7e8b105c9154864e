"""What a listener raises ends the run: nothing breaks unheard."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tests.adapters.kafka.ear import Ear, until
from worker.adapters.kafka.loop_bridge import LoopBridge
from worker.core.record import Partition, Record


class Broken(Ear):
    """A listener that can't take records."""

    def on_records(self, records: Sequence[Record]) -> None:
        raise ZeroDivisionError


async def test_a_listener_that_breaks_hears_of_it() -> None:
    """What the listener raises at a batch reaches it as the source's failure, and does not pass in a log."""
    ear = Broken()
    record = Record(Partition("t", 0), 0, None, b"value", (), 0.0, 5)
    LoopBridge(asyncio.get_running_loop(), ear, drain_limit=1.0).records([record])
    await until("the failure", lambda: bool(ear.failures))
    assert isinstance(ear.failures[0], ZeroDivisionError)
