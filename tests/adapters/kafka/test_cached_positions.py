"""A cache that a disk does not give is not waited for."""

from __future__ import annotations

import threading
from typing import NoReturn

import pytest

from worker.adapters.kafka import cached_positions, consumer_config
from worker.adapters.kafka.cached_positions import cached
from worker.adapters.kafka.journal_client import JournalClient
from worker.core.binding import LogId
from worker.core.ids_cache import CacheOwner, NotBelieved


class HangingCache:
    """A cache on a disk that hangs."""

    name, owner = "/somewhere", CacheOwner("group", 1, 1.0, 1)

    def __init__(self) -> None:
        self.may_end = threading.Event()

    def read(self, log: LogId) -> None:
        """Hang."""
        self.may_end.wait()

    async def draft(self) -> NoReturn:
        """Nobody writes."""
        raise NotImplementedError

    def close(self) -> None:
        """Do nothing."""


def test_a_disk_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that does not come in time is not believed, and the reason names it."""
    monkeypatch.setattr(cached_positions, "READ_SECONDS", 0.01)
    cache = HangingCache()
    client = JournalClient(consumer_config("127.0.0.1:1", "group", "tests", {}), "journal")
    with pytest.raises(NotBelieved, match="/somewhere: no answer within"):
        cached(cache, client, LogId())
    cache.may_end.set()
