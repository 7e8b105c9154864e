"""`demo`: see the whole worker at work, with nothing to set up."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Annotated

import typer

from worker.adapters.process.signals import INTERRUPTED
from worker.cli.common import FAILED, Output, OutputOption, examples, number_option, say
from worker.cli.interrupts import end_at_signal, until_signal
from worker.cli.run import run_loop
from worker.cli.tables import print_rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from worker.demo import Account
    from worker.demo.account import Meanwhile
    from worker.settings import Deployment

app = typer.Typer(add_completion=False)

NAME = "postback-worker"

# The embedded broker silently keeps no more than 5 MiB of a partition.
MOST_EVENTS = 20_000

MEANS = (
    "",
    "Each was told to its network once, or is kept as a dead letter that says why.",
    "What failed waited in a delay topic and held up no other; offsets were",
    "committed after that, so a crash would have lost nothing.",
    "",
    "Next:",
)
"""Printed after a complete account: what it means."""

NEXT = {
    "demo --linger": "its metrics, its readiness",
    "demo --linger --console": "its page for who is on call",
    "send --click-id TEST --dry-run": "what yours would ask for",
    "config check --online": "your settings, your Kafka",
}
"""Printed after that: what to try next, and what it shows."""


@app.command(
    epilog=examples(
        "postback-worker demo",
        "postback-worker demo --events 10000 --failures 0.4",
        "postback-worker demo --linger",
        "postback-worker demo --console --linger",
    )
)
def demo(
    events: Annotated[
        int,
        number_option("--events", "Conversions to publish.", 1, MOST_EVENTS),
    ] = 2000,
    failures: Annotated[
        float,
        number_option(
            "--failures", "Share, from 0 to 1, of the conversions that meet trouble at first.", 0, 1
        ),
    ] = 0.2,
    linger: Annotated[
        bool, typer.Option("--linger", help="Keep the worker, its metrics and health up until Ctrl-C.")
    ] = False,
    console: Annotated[
        bool, typer.Option("--console", help="Serve the console beside it, for as long as it runs.")
    ] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Run the whole worker against an embedded broker and two networks that misbehave, and account for all.

    They answer with 429 and 500, reset connections, hang, and never take some clicks; one is down for a
    while, and the other flows on. A few records are no conversions at all. Nobody misbehaves with
    `--failures 0`. Ends with exit code 0 only when every record had exactly one ending.
    """
    raise typer.Exit(run_loop(lambda: _perform(events, failures, output, linger=linger, console=console)))


async def _perform(events: int, failures: float, output: Output, *, linger: bool, console: bool) -> int:
    from worker.adapters.logs import set_up
    from worker.cli.demo_view import DemoView
    from worker.demo import Demo

    set_up("auto", "error")
    beside = _with_console if console else None
    with DemoView(linger=linger) as view:
        until = until_signal("stopped at once", view.close) if linger else None
        if until is None:  # nothing to drain, as the broker ends with the process
            end_at_signal(INTERRUPTED, view.close)
        account = await Demo(events, failures).run(view.tick, until, beside)
    _print(account, output)
    if account.meanwhile is not None:
        say(described_meanwhile(account.meanwhile))
    if account.complete:
        say(f"every one of {account.published} records is accounted for")
        for line in (*MEANS, *next_lines(program())):
            say(line)
        return 0
    say("error: not every record is accounted for")
    return FAILED


@asynccontextmanager
async def _with_console(deployment: Deployment) -> AsyncIterator[None]:
    """Serve the console of a demonstration and print its address."""
    from worker.console.serving import serving

    async with serving(deployment) as url:
        say(f"the console is at {url}")
        yield


def _print(account: Account, output: Output) -> None:
    print_rows([line.row() for line in account.lines()], output, ["ending", "records", *account.networks])


def program() -> str:
    """How the program is called from here: by its name where the shell finds that, else by its path."""
    called = Path(sys.argv[0])
    if which(NAME) or called.name != NAME:
        return NAME
    with suppress(OSError, ValueError):  # it lies elsewhere
        called = called.absolute().relative_to(Path.cwd())
    return str(called)


def next_lines(called: str) -> list[str]:
    """What to try next, for a program that is called so."""
    return [f"  {called} {command:<31} {shows}" for command, shows in NEXT.items()]


def described_meanwhile(meanwhile: Meanwhile) -> str:
    """Say what the other network took while one was down."""
    return f"while {meanwhile.down} was down, {meanwhile.delivered} were delivered to {meanwhile.flowing}"
