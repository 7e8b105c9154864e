"""Following the control topic: read whole first, then live.

The rule: the listener is told when everything that was there has been read, and when it can't be read any
more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

NOT_READ_YET = "the standing orders have not been read yet"
"""Why the contents of a topic that is being read are unknown."""

ControlRecord = tuple[bytes | None, bytes | None]
"""The key and the value of a record."""


class ControlNews(NamedTuple):
    """What was read of the topic, and whether its contents are fully known."""

    records: Sequence[ControlRecord] = ()
    unread: str | None = None
    """Why the topic's contents are unknown; None once it was read whole."""
    anew: bool = False
    """Whether earlier news was about another log, so that these records begin from the start."""


class ControlListener(Protocol):
    """The listener; calls come on the event loop, in the order of the records."""

    def on_control(self, news: ControlNews) -> None:
        """Take news."""
        ...


class Control(Protocol):
    """Follows control topics; one that does not exist holds no orders."""

    def follow(self, topic: str, listener: ControlListener) -> None:
        """Tell this listener about a topic from now on."""
        ...
