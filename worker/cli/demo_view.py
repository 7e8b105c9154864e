"""What a demonstration shows while it runs: a few lines on stderr that fit a terminal of 80 columns.

The rule: without a terminal it draws nothing; it only says where to look, if the worker lingers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from worker.cli.common import progress_console

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

    from worker.demo import Progress

_BAR_COLUMNS = 30


class DemoView:
    """A context manager; `tick` draws the progress."""

    def __init__(self, *, linger: bool) -> None:
        self._linger = linger
        self._console = progress_console()
        self._live: Live | None = None
        self._started = time.monotonic()
        self._told = False

    def __enter__(self) -> DemoView:
        if self._console.is_terminal:
            from rich.live import Live

            self._live = Live(console=self._console, refresh_per_second=10)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._live is not None:
            self._live.stop()

    def tick(self, progress: Progress) -> None:
        """Draw the progress."""
        if self._live is not None:
            self._live.update(self._drawn(progress))
        if self._linger and not self._told and progress.http:
            self._told = True
            self._console.print(f"look at {progress.http}/metrics and {progress.http}/readyz; Ctrl-C ends")

    def _drawn(self, progress: Progress) -> RenderableType:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        top = Table.grid(padding=(0, 2))
        bar = ProgressBar(total=progress.published, completed=progress.ended, width=_BAR_COLUMNS)
        top.add_row(bar, *rates(progress, time.monotonic() - self._started))
        return Group(top, *(Text(line, no_wrap=True, overflow="ellipsis") for line in lines(progress)))


def rates(progress: Progress, seconds: float) -> tuple[str, str]:
    """How many have ended, and how many a second."""
    return f"{progress.ended}/{progress.published} ended", f"{progress.ended / max(0.001, seconds):.0f}/s"


def lines(progress: Progress) -> Iterator[str]:
    """The state of the worker, the network and the tiers, a block for each network."""
    for one in progress.networks:
        circuit = one.circuit.name.lower().replace("_", "-")
        yield ""
        yield f"{one.name}: circuit {circuit}"
        yield (
            f"worker   {one.delivered} delivered  {one.retries} retries  {one.dead} dead  "
            f"{one.in_flight} in flight"
        )
        yield f"network  {_counts(one.answers)}"
        yield f"waiting  {_counts(one.waiting)}"


def _counts(counts: Mapping[str, int]) -> str:
    return "  ".join(f"{name}: {count}" for name, count in sorted(counts.items())) or "nothing yet"
