"""The options that select pending conversions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from worker.cli.common import number_option
from worker.cli.completion import retry_reasons
from worker.cli.filters import (
    ClickIdOption,
    ErrorOption,
    EventIdOption,
    NetworkOption,
    OfferIdOption,
    filters_told,
    with_options_of,
)
from worker.ops.filters import read_event_filter

if TYPE_CHECKING:
    from worker.core.event_filter import EventFilter

Wanted: TypeAlias = "EventFilter"
"""The filter's type as text, so that `--help` need not import it."""

OrderIdOption = Annotated[str | None, typer.Option("--order-id", help="Only those of this order.")]
AffiliateIdOption = Annotated[
    str | None, typer.Option("--affiliate-id", help="Only those of this affiliate.")
]
EventOption = Annotated[
    str | None, typer.Option("--event", metavar="NAME", help="Only events of this name: `purchase`, …")
]
SinceOption = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="TIME", help="Converted since: 2026-01-31T12:00:00Z, or an age such as 2h."
    ),
]
UntilOption = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="Converted until then; written as --since is.")
]
StatusOption = Annotated[
    int | None, number_option("--status", "Only what waits after an answer of this status.", 100, 999)
]
ReasonOption = Annotated[
    str | None,
    typer.Option(
        "--reason",
        metavar="REASON",
        help="Only what waits because of it: `status`, `timeout`, …",
        autocompletion=retry_reasons,
    ),
]


def event_filter_of(
    event_id: EventIdOption = None,
    click_id: ClickIdOption = None,
    order_id: OrderIdOption = None,
    offer_id: OfferIdOption = None,
    affiliate_id: AffiliateIdOption = None,
    network: NetworkOption = None,
    event: EventOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    status: StatusOption = None,
    reason: ReasonOption = None,
    error: ErrorOption = None,
) -> Wanted:
    """Read the options; wrong times and unknown reasons are wrong usage."""
    named = {
        "event_id": event_id,
        "click_id": click_id,
        "order_id": order_id,
        "offer_id": offer_id,
        "affiliate_id": affiliate_id,
        "network": network,
        "event": event,
        "since": since,
        "until": until,
        "status": None if status is None else str(status),
        "reason": reason,
        "error": error,
    }
    with filters_told():
        return read_event_filter(named, time.time())


of_pending = with_options_of(event_filter_of, "wanted")
"""Gives a command these options; it receives the filter as `wanted`."""
