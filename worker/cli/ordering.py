"""What the commands share that give standing orders: who gives them, and how one is told.

The rule: an order names who gave it, and when.
"""

from __future__ import annotations

import getpass
import os
import socket
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.common import WRONG, Output, fail, print_json, print_rows, say

if TYPE_CHECKING:
    from worker.core.orders import End, Order
    from worker.ops.orders import Giver
    from worker.settings import Settings

ForOption = Annotated[
    str | None,
    typer.Option("--for", metavar="AGE", help="How long it stands: 30m, 2h, 7d. Else until it is ended."),
]
BecauseOption = Annotated[
    str | None, typer.Option("--because", metavar="TEXT", help="Why; everybody who looks is told.")
]


DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say how many are meant, and do nothing.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def giver(because: str | None = None) -> Giver:
    """Who calls this command, now."""
    from worker.ops.orders import Giver

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = f"uid {os.getuid()}"
    return Giver(f"{user}@{socket.gethostname()}", time.time(), because)


def tell(order: Order | End, settings: Settings, output: Output) -> None:
    """Print an order that was given."""
    from worker.core.orders import described
    from worker.ops.orders import as_json

    name = settings.destination.name
    if output is Output.JSON:
        print_json(as_json(order, name))
    else:
        print(f"{name}: {described(order)}")


def tell_counts(found: Mapping[str, int], output: Output) -> None:
    """Print how many are meant, by where they lie."""
    rows = [{"where": where, "pending": count} for where, count in sorted(found.items())]
    print_rows(rows, output, ("where", "pending"))


def agreed(found: Mapping[str, int], question: str, yes: bool) -> bool:
    """Say how many are meant, and ask; without anybody to ask that is wrong usage, unless `yes` was given."""
    total = sum(found.values())
    places = ", ".join(f"{count} in {where}" for where, count in sorted(found.items()))
    say(f"{total} match now{f': {places}' if places else ''}")
    if yes:
        return True
    if not sys.stdin.isatty():
        fail("give --yes, for there is nobody to ask", "--dry-run says how many are meant", WRONG)
    return typer.confirm(f"{question}?", err=True)
