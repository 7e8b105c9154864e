"""The topic of standing orders, followed: read whole first, then live.

The rule: who follows is told when all that was there has been read, and when it can't be read any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

NOT_READ_YET = "the standing orders have not been read yet"
"""Why it is not known what a topic holds that is being read."""

ControlRecord = tuple[bytes | None, bytes | None]
"""The key and the value of a record."""


class ControlNews(NamedTuple):
    """What was read of the topic, and how far it is known."""

    records: Sequence[ControlRecord] = ()
    unread: str | None = None
    """Why it is not known what the topic holds; None once it was read whole."""
    anew: bool = False
    """Whether what was told before is of another log: these records come from the start."""


class ControlListener(Protocol):
    """Who follows; calls come on the event loop, in the order of the records."""

    def on_control(self, news: ControlNews) -> None:
        """Hear what is new."""
        ...


class Control(Protocol):
    """Follows control topics; one that does not exist holds no orders."""

    def follow(self, topic: str, listener: ControlListener) -> None:
        """Tell this listener of a topic from now on."""
        ...
