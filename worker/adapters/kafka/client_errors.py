"""Errors of a member's client: some end the source, some refuse the group, the rest may pass.

The rules: the poll thread raises, in its turn, what ends the source; all else is reported once in a while.
A static member whose session has ended joins under another id. What it sent before under the old one, such as
a commit that the client tries again, is then refused as that of another with its `group.instance.id`, which
kills the client (librdkafka issue 3437). With `group.protocol=consumer` the broker refuses a static member
while the one before it, which was killed, has not left by its session's end. Neither is a reason to end:
another client goes on.
"""

from __future__ import annotations

import time
from collections.abc import MutableMapping

from confluent_kafka import KafkaError

from worker.adapters.kafka.errors import (
    is_about_group,
    is_deadly,
    is_fenced,
    is_unreleased,
    one_line,
    remedy,
)
from worker.adapters.kafka.loop_bridge import LoopBridge
from worker.core.record import Partition
from worker.core.repeated_troubles import RepeatedTroubles
from worker.ports import SourceFailed

UNRELEASED_AGAIN_SECONDS = 3.0
"""Seconds until another try to join, while another member has our instance id."""

_NEVER = float("inf")


class ClientErrors:
    """Of one member; `refusals` gets the reason if the group is refused to this user."""

    def __init__(self, group: str, refusals: MutableMapping[str, str] | None, bridge: LoopBridge) -> None:
        self._group = group
        self._refusals: MutableMapping[str, str] = {} if refusals is None else refusals
        self._bridge = bridge
        self._deadly: KafkaError | None = None
        self._troubles = RepeatedTroubles()
        self._is_out = False
        self._outlived_at = _NEVER

    def begin(self) -> None:
        """Begin with another client."""
        self._is_out, self._outlived_at = False, _NEVER
        self._bridge.left()

    @property
    def is_dead(self) -> bool:
        """Whether the client is dead, and another one is to go on."""
        return self._outlived_at < _NEVER

    def is_outlived(self) -> bool:
        """Whether it is time for another client."""
        return self.is_dead and time.monotonic() >= self._outlived_at

    def lost(self) -> None:
        """Note that the membership was lost."""
        self._is_out = True
        self._bridge.left()

    def note(self, error: KafkaError, text: str | None = None) -> None:
        """Note an error, and report it as `text`."""
        if is_about_group(error):
            self._refusals[self._group] = one_line(error)
        if self._is_out and is_fenced(error):
            self._outlived_at = 0.0
        elif is_unreleased(error):
            self._outlived_at = min(self._outlived_at, time.monotonic() + UNRELEASED_AGAIN_SECONDS)
            self.tell(remedy(error))
        elif is_deadly(error):
            self._deadly = error
        else:
            self.tell(text or one_line(error))

    def assigned(self) -> None:
        """Note that we are a member again."""
        self._is_out = False
        self.granted()

    def granted(self) -> None:
        """Note that the group is not refused."""
        if self._refusals:
            self._refusals.pop(self._group, None)

    def named(self, error: KafkaError, ours: Partition | None) -> str:
        """An error in words, with the group or our partition that it is about."""
        if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            return f"group {self._group}: {one_line(error)}"
        return one_line(error) if ours is None else f"{ours}: {one_line(error)}"

    def tell(self, trouble: str) -> None:
        """Report something that may pass, unless it was reported lately."""
        if self._troubles.is_news(trouble, time.monotonic()):
            self._bridge.trouble(trouble)

    def raise_deadly(self) -> None:
        """Raise SourceFailed, with what to do, if an error ends the source."""
        if self._deadly is not None:
            raise SourceFailed(remedy(self._deadly))
