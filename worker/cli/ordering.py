"""Shared by the commands that give standing orders: who gives an order, and how it is printed.

The rule: an order names who gave it, and when.
"""

from __future__ import annotations

import getpass
import os
import socket
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from worker.cli.common import WRONG, Output, OutputOption, fail, print_json, print_line, say
from worker.cli.filters import with_options_of
from worker.cli.tables import print_rows

if TYPE_CHECKING:
    from worker.core.orders import Order, OrderEnd
    from worker.ops.orders import Giver
    from worker.ops.pending import Pending
    from worker.settings import Settings

ForOption = Annotated[
    str | None,
    typer.Option(
        "--for", metavar="AGE", help="How long it stands: 30m, 2h, 7d. By default until it is ended."
    ),
]
BecauseOption = Annotated[
    str | None, typer.Option("--because", metavar="TEXT", help="Why; everybody who looks is shown it.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say how many match, and do nothing.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


class OrderOptions(NamedTuple):
    """How to give an order about pending conversions: why, dry run, without asking, and how to print it."""

    because: str | None
    dry_run: bool
    yes: bool
    output: Output


def manner_of(
    because: BecauseOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    output: OutputOption = Output.TABLE,
) -> OrderOptions:
    """Read the options."""
    return OrderOptions(because, dry_run, yes, output)


asking = with_options_of(manner_of, "manner")
"""Gives a command these options; it receives them parsed as `manner`."""


def order_once_agreed(
    settings: Settings,
    found: Iterable[Pending],
    question: str,
    order: Callable[[Giver], Order],
    manner: OrderOptions,
) -> None:
    """Count the matches, ask, and give the order; with --dry-run only count."""
    from worker.ops import pending

    counts = pending.count(found)
    if manner.dry_run:
        _tell_counts(counts, manner.output)
    elif _agreed(counts, question, manner.yes):
        tell(order(giver(manner.because)), settings, manner.output)


def giver(because: str | None = None) -> Giver:
    """Who runs this command, and when."""
    from worker.ops.orders import Giver

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = f"uid {os.getuid()}"
    return Giver(f"{user}@{socket.gethostname()}", time.time(), because)


def tell(order: Order | OrderEnd, settings: Settings, output: Output) -> None:
    """Print an order that was given."""
    from worker.core.orders import described
    from worker.ops.orders import as_json

    name = settings.destination.name
    if output is Output.JSON:
        print_json(as_json(order, name))
    else:
        print_line(f"{name}: {described(order)}")


def _tell_counts(found: Mapping[str, int], output: Output) -> None:
    """Print the number of matches in each place."""
    rows = [{"where": where, "pending": count} for where, count in sorted(found.items())]
    print_rows(rows, output, ("where", "pending"))


def _agreed(found: Mapping[str, int], question: str, yes: bool) -> bool:
    """Print the count and ask; without a terminal to ask on, `yes` must have been given (else exit 2)."""
    total = sum(found.values())
    places = ", ".join(f"{count} in {where}" for where, count in sorted(found.items()))
    say(f"{total} match now{f': {places}' if places else ''}")
    if yes:
        return True
    if not sys.stdin.isatty():
        fail("give --yes, for there is nobody to ask", "--dry-run says how many are meant", WRONG)
    return typer.confirm(f"{question}?", err=True)
