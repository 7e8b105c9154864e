"""Termination signals, for a command that must still say what it has done.

The rule: a signal stops reading at once, with PublishStopped; other work stops only where it asks `pending`.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self, TypeVar

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


def until_signal(last_words: str, close: Callable[[], None] | None = None) -> asyncio.Event:
    """Return an event of the running loop that the first termination signal sets.

    A second signal ends the process at once, unless it is a SIGHUP: a closing terminal sends several.
    """
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in heeded():
        loop.add_signal_handler(number, _end, number, event, last_words, close)
    return event


def end_at_signal(last_words: str, close: Callable[[], None]) -> None:
    """Let the first termination signal end the process at once, from the running loop."""
    loop = asyncio.get_running_loop()
    for number in heeded():
        loop.add_signal_handler(number, _end_at_once, last_words, close)


def _end(
    number: signal.Signals, event: asyncio.Event, last_words: str, close: Callable[[], None] | None
) -> None:
    if not event.is_set():
        event.set()
    elif number is not HANG_UP:
        _end_at_once(last_words, close)


def _end_at_once(last_words: str, close: Callable[[], None] | None) -> NoReturn:
    """Close what is shown, say the last words, and exit 1."""
    if close is not None:
        close()
    say(last_words)
    settle()
    os._exit(FAILED)


_END: Any = object()
