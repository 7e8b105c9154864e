"""The options that say which pending conversions a command is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.common import number_option
from worker.cli.filters import ClickIdOption, EventIdOption, NetworkOption, OfferIdOption, with_options_of

if TYPE_CHECKING:
    from worker.core.event_filter import EventFilter

Named = Mapping[str, str | None]
"""The values of fields, by their names; None where a field may be anything."""

OrderIdOption = Annotated[str | None, typer.Option("--order-id", help="Only those of this order.")]
AffiliateIdOption = Annotated[
    str | None, typer.Option("--affiliate-id", help="Only those of this affiliate.")
]
EventOption = Annotated[
    str | None, typer.Option("--event", metavar="NAME", help="Only events of this name: `purchase`, …")
]
LastStatusOption = Annotated[
    int | None, number_option("--status", "Only those whose last answer had this status.", 100, 999)
]
LastReasonOption = Annotated[
    str | None,
    typer.Option("--reason", metavar="REASON", help="Only those that failed for it: `status`, `timeout`, …"),
]


def event_filter_of(
    event_id: EventIdOption = None,
    click_id: ClickIdOption = None,
    order_id: OrderIdOption = None,
    offer_id: OfferIdOption = None,
    affiliate_id: AffiliateIdOption = None,
    network: NetworkOption = None,
    event: EventOption = None,
) -> Named:
    """What the event says."""
    return {
        "event_id": event_id,
        "click_id": click_id,
        "order_id": order_id,
        "offer_id": offer_id,
        "affiliate_id": affiliate_id,
        "network": network,
        "event": event,
    }


def waiting_filter_of(
    event_id: EventIdOption = None,
    click_id: ClickIdOption = None,
    order_id: OrderIdOption = None,
    offer_id: OfferIdOption = None,
    affiliate_id: AffiliateIdOption = None,
    network: NetworkOption = None,
    event: EventOption = None,
    status: LastStatusOption = None,
    reason: LastReasonOption = None,
) -> Named:
    """What the event says, and its last attempt."""
    from schemas import RetryReason

    if reason is not None and reason not in set(RetryReason):
        known = ", ".join(RetryReason)
        raise typer.BadParameter(f"{reason!r} is no reason; known are {known}", param_hint="--reason")
    of_event = event_filter_of(event_id, click_id, order_id, offer_id, affiliate_id, network, event)
    return {**of_event, "status": None if status is None else str(status), "reason": reason}


def event_filter(named: Named) -> EventFilter:
    """The filter of these values."""
    from worker.core.event_filter import EventFilter

    return EventFilter.of(named)


of_events = with_options_of(event_filter_of, "named")
"""Gives a command the options of `event_filter_of`, read, as `named`."""

of_waiting = with_options_of(waiting_filter_of, "named")
"""Gives a command the options of `waiting_filter_of`, read, as `named`."""
