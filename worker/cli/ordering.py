"""What the commands share that give standing orders: who gives them, and how one is told.

The rule: an order names who gave it, and when.
"""

from __future__ import annotations

import getpass
import os
import socket
import time
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.common import Output, print_json

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
