"""Termination signals, for a command that must still say what it has done.

The rule: a signal stops reading at once, with PublishStopped; other work stops only where it asks `pending`.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterable, Iterator
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

from worker.adapters.process.signals import HANG_UP, heeded
from worker.adapters.process.stderr import settle
from worker.cli.common import FAILED, say

_Item = TypeVar("_Item")


class Interrupts:
    """A context manager, for the main thread."""

    def __init__(self) -> None:
        self.pending = False
        self._reading = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._on_signal) for number in heeded()}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def each(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """Pass items on; raise PublishStopped if a signal comes before an item or while waiting for one."""
        from worker.adapters.kafka.bulk_publisher import PublishStopped

        coming = iter(items)
        while True:
            self._reading = True
            try:
                if self.pending:
                    raise PublishStopped
                item = next(coming, _END)
            except KeyboardInterrupt:
                raise PublishStopped from None
            finally:
                self._reading = False
            if item is _END:
                return
            yield item

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.pending = True
        if self._reading:
            raise KeyboardInterrupt


def until_signal(last_words: str) -> asyncio.Event:
    """Return an event of the running loop that the first termination signal sets.

    A second signal ends the process at once, with exit 1 and these last words, unless it is a SIGHUP: a
    closing terminal sends several.
    """
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in heeded():
        loop.add_signal_handler(number, _end, number, event, last_words)
    return event


def _end(number: signal.Signals, event: asyncio.Event, last_words: str) -> None:
    if not event.is_set():
        event.set()
    elif number is not HANG_UP:
        say(last_words)
        settle()
        os._exit(FAILED)


_END: Any = object()
