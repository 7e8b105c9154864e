"""What the client of a member complains of: what ends the source, what refuses the group, and what may pass.

The rule: what ends the source is raised by the thread, in its turn; all else is told, once in a while.
"""

from __future__ import annotations

import time
from collections.abc import MutableMapping

from confluent_kafka import KafkaError

from worker.adapters.kafka.errors import Troubles, is_about_group, is_deadly, one_line, remedy
from worker.adapters.kafka.loop_bridge import LoopBridge
from worker.core.record import Partition
from worker.ports import SourceFailed


class ClientErrors:
    """Of one member of a group; in `refusals` it notes why the group is refused to this user."""

    def __init__(self, group: str, refusals: MutableMapping[str, str] | None, bridge: LoopBridge) -> None:
        self._group = group
        self._refusals: MutableMapping[str, str] = {} if refusals is None else refusals
        self._bridge = bridge
        self._deadly: KafkaError | None = None
        self._troubles = Troubles()

    def note(self, error: KafkaError, text: str | None = None) -> None:
        """Note an error, which is told as `text`."""
        if is_about_group(error):
            self._refusals[self._group] = one_line(error)
        if is_deadly(error):
            self._deadly = error
        else:
            self.tell(text or one_line(error))

    def granted(self) -> None:
        """Note that the group is not refused."""
        if self._refusals:
            self._refusals.pop(self._group, None)

    def named(self, error: KafkaError, ours: Partition | None) -> str:
        """Say an error with the group that it is of, or the partition where it is ours."""
        if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            return f"group {self._group}: {one_line(error)}"
        return one_line(error) if ours is None else f"{ours}: {one_line(error)}"

    def tell(self, trouble: str) -> None:
        """Tell of something that may pass, where it is news."""
        if self._troubles.is_news(trouble, time.monotonic()):
            self._bridge.trouble(trouble)

    def raise_deadly(self) -> None:
        """Raise SourceFailed, with what to do, where an error ends the source."""
        if self._deadly is not None:
            raise SourceFailed(remedy(self._deadly))
