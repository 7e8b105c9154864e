"""How the thread that follows a destination's topics ends."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

from tests.console.topics import settings_of
from tests.support.kafka import Names
from worker.adapters.kafka import TopicIds, admin_config
from worker.adapters.kafka.live_reader import LiveReader
from worker.console.following import DestinationFollower
from worker.core.record import Partition

NOWHERE = "127.0.0.1:1"


class ClosingReader:
    """Closes the thread that asks it where a minute of the source began."""

    def __init__(self, following: DestinationFollower) -> None:
        self._following = following
        self.asked: list[float] = []

    def since(self, partitions: Collection[Partition], moment: float) -> dict[Partition, int]:
        """See LiveReader."""
        self.asked.append(moment)
        self._following.close()
        return dict.fromkeys(partitions, 0)


def test_closed_amid_a_look() -> None:
    """Once the console is closed the broker is asked for no further minute of the source."""
    settings = settings_of(NOWHERE, Names.fresh())
    following = DestinationFollower(settings, TopicIds(admin_config(NOWHERE, "test", {})), 1, lambda: None)
    following._logs = following._logs_now()
    reader = ClosingReader(following)
    following._look_at_source(cast("LiveReader", reader), [Partition(settings.kafka.topic, 0)])
    assert len(reader.asked) == 1
