"""`demo`: see the whole worker at work, with nothing to set up."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

import typer

from worker.adapters.process.signals import heeded
from worker.cli.common import FAILED, Output, OutputOption, examples, print_rows, progress_console, say
from worker.cli.run import run_loop

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from worker.demo import Account, Progress

app = typer.Typer(add_completion=False)

# The embedded broker silently keeps no more than 5 MiB of a partition.
MOST_EVENTS = 20_000


@app.command(
    epilog=examples(
        "postback-worker demo",
        "postback-worker demo --events 10000 --failures 0.4",
        "postback-worker demo --linger",
    )
)
def demo(
    events: Annotated[int, typer.Option(min=1, max=MOST_EVENTS, help="Conversions to publish.")] = 2000,
    failures: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the conversions that meet trouble at first.")
    ] = 0.2,
    linger: Annotated[
        bool, typer.Option("--linger", help="Keep the worker, its metrics and health up until Ctrl-C.")
    ] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Run the whole worker against an embedded broker and a partner that misbehaves, and account for all.

    The partner answers with 429, 500 and 503, resets connections, hangs, and never takes some clicks; a few
    records are no conversions at all. Ends with exit code 0 only when every record had exactly one ending.
    """
    raise typer.Exit(run_loop(lambda: _perform(events, failures, linger, output)))


async def _perform(events: int, failures: float, linger: bool, output: Output) -> int:
    from worker.adapters.logs import set_up
    from worker.demo import Demo

    set_up("auto", "error")
    until = _until_signal() if linger else None
    with _View(linger) as view:
        account = await Demo(events, failures).run(view.tick, until)
    _print(account, output)
    if account.complete:
        say(f"every one of {account.published} records is accounted for")
        return 0
    say("error: not every record is accounted for")
    return FAILED


def _print(account: Account, output: Output) -> None:
    print_rows([line._asdict() for line in account.lines()], output, ["ending", "records"])


def _until_signal() -> asyncio.Event:
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in heeded():
        loop.add_signal_handler(number, event.set)
    return event


class _View:
    """The live view on stderr; off a terminal only where to look, if the worker lingers."""

    def __init__(self, linger: bool) -> None:
        self._linger = linger
        self._console = progress_console()
        self._live: Live | None = None
        self._started = time.monotonic()
        self._told = False

    def __enter__(self) -> _View:
        if self._console.is_terminal:
            from rich.live import Live

            self._live = Live(console=self._console, refresh_per_second=10)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def tick(self, progress: Progress) -> None:
        """Show how far it is."""
        if self._live is not None:
            self._live.update(self._table(progress))
        if self._linger and not self._told and progress.http:
            self._told = True
            self._console.print(f"look at {progress.http}/metrics and {progress.http}/readyz; Ctrl-C ends")

    def _table(self, progress: Progress) -> Table:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        seconds = max(0.001, time.monotonic() - self._started)
        table = Table.grid(padding=(0, 2))
        table.add_row(
            ProgressBar(total=progress.published, completed=progress.ended, width=30),
            f"{progress.ended}/{progress.published} ended",
            f"{progress.delivered} delivered",
            f"{progress.retries} retries",
            f"{progress.dead} dead letters",
            f"{progress.in_flight} in flight",
            f"{progress.ended / seconds:.0f}/s",
        )
        return table
