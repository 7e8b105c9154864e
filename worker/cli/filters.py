"""The options that select dead letters."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import Signature, signature
from typing import Annotated, Any

import typer

from worker.cli.common import number_option
from worker.cli.completion import reasons
from worker.ops.filters import Filters, SinceAfterUntil, WrongFilter, read_filters

ReasonOption = Annotated[
    list[str] | None,
    typer.Option(
        "--reason",
        metavar="REASON",
        help="Only this reason (`expired`, …); may be repeated.",
        autocompletion=reasons,
    ),
]
StatusOption = Annotated[
    int | None,
    number_option("--status", "Only those whose last answer had this status.", 100, 999),
]
EventIdOption = Annotated[str | None, typer.Option("--event-id", help="Only those of this event.")]
ClickIdOption = Annotated[str | None, typer.Option("--click-id", help="Only those of this click.")]
SinceOption = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="Dead since: 2026-01-31T12:00:00Z, or an age such as 2h."),
]
UntilOption = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="Dead until then; written as --since is.")
]
OfferIdOption = Annotated[str | None, typer.Option("--offer-id", help="Only those of this offer.")]
NetworkOption = Annotated[str | None, typer.Option("--network", help="Only those of this network.")]
ErrorOption = Annotated[
    str | None,
    typer.Option("--error", metavar="TEXT", help="Only those whose error contains this text."),
]


def filters_of(
    reason: ReasonOption = None,
    status: StatusOption = None,
    event_id: EventIdOption = None,
    click_id: ClickIdOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    offer_id: OfferIdOption = None,
    network: NetworkOption = None,
    error: ErrorOption = None,
) -> Filters:
    """Read the options; wrong times and unknown reasons are wrong usage."""
    with filters_told():
        return read_filters(
            now=time.time(),
            reasons=reason or (),
            status=status,
            event_id=event_id,
            click_id=click_id,
            since=since,
            until=until,
            offer_id=offer_id,
            network=network,
            error=error,
        )


@contextmanager
def filters_told() -> Iterator[None]:
    """Turn filters that can't be read into wrong usage that names the option."""
    try:
        yield
    except WrongFilter as wrong:
        raise typer.BadParameter(str(wrong), param_hint=f"--{wrong.name}") from wrong
    except SinceAfterUntil as wrong:
        raise typer.BadParameter("--since is after --until") from wrong


def with_options_of(
    read: Callable[..., object], name: str
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of a function, after its context; it receives what the function returns."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        options = signature(read, eval_str=True).parameters
        parameters = signature(command, eval_str=True).parameters.values()
        ctx, *own = (it for it in parameters if it.name != name)

        @wraps(command)
        def call(**given: Any) -> None:
            made = read(**{option: given.pop(option) for option in options})
            command(**{name: made}, **given)

        every = [it.replace(kind=it.KEYWORD_ONLY) for it in (ctx, *options.values(), *own)]
        call.__dict__["__signature__"] = Signature(every)
        call.__annotations__ = {it.name: it.annotation for it in every}
        return call

    return decorate


filtered = with_options_of(filters_of, "filters")
"""Gives a command these options; it receives them parsed as `filters`."""
