"""A progress bar on stderr if that is a terminal, else nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from worker.cli.common import progress_console

REFRESH_SECONDS = 0.1
"""Seconds between two redraws: drawing must not cost more than the work."""

Item = TypeVar("Item")


def shown(
    items: Iterable[Item], what: str, total: float | None, size: Callable[[Item], int] = lambda _: 1
) -> Iterator[Item]:
    """Pass items on and draw a bar labelled `what`; `size` is an item's share of `total`.

    A total of None is unknown.
    """
    from rich.progress import Progress

    console = progress_console()
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        bar = progress.add_task(what, total=total)
        due = done = 0.0
        for item in items:
            yield item
            done += size(item)
            if (now := time.monotonic()) >= due:
                due = now + REFRESH_SECONDS
                progress.update(bar, completed=done)
