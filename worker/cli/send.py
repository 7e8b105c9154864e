"""`send`: one test postback, by the same template and over the same transport as the worker's.

The rule: one request, or with --dry-run none; nothing is read from Kafka or written to it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, NamedTuple
from uuid import uuid4

import typer

from worker.cli.common import (
    WRONG,
    Output,
    OutputOption,
    examples,
    fail,
    fail_all,
    load_settings,
    print_json,
    print_rows,
    warn,
)

if TYPE_CHECKING:
    from schemas import ConversionEvent
    from worker.core.answer import Answer, Request
    from worker.core.classify import Verdict
    from worker.settings import Settings

app = typer.Typer(add_completion=False)

COLUMNS = ("result", "status", "seconds", "error", "url", "body")

ATTRIBUTE = "attributes."

MOST_SHOWN = 512
"""Characters of the answer's body that are shown."""


class Tried(NamedTuple):
    """One attempt: what came back, and how long that took."""

    answer: Answer
    seconds: float


@app.command(
    epilog=examples(
        "postback-worker send --click-id 9f8e7d6c5b4a3928 --dry-run",
        "postback-worker send --click-id 9f8e7d6c5b4a3928",
        "postback-worker send --click-id 9f8e7d6c5b4a3928 --event purchase --payout 49.99",
        "postback-worker send --click-id 9f8e7d6c5b4a3928 campaign=winter -o json",
    )
)
def send(
    ctx: typer.Context,
    click_id: Annotated[str, typer.Option("--click-id", help="The partner's id of the click.")],
    event: Annotated[
        str | None, typer.Option("--event", help="What the user did: purchase, signup, lead, …")
    ] = None,
    payout: Annotated[str | None, typer.Option("--payout", help="US dollars, such as 49.99.")] = None,
    order_id: Annotated[str | None, typer.Option("--order-id", help="For the macro {order_id}.")] = None,
    affiliate_id: Annotated[
        str | None, typer.Option("--affiliate-id", help="For the macro {affiliate_id}.")
    ] = None,
    offer_id: Annotated[str | None, typer.Option("--offer-id", help="For the macro {offer_id}.")] = None,
    event_id: Annotated[
        str | None, typer.Option("--event-id", help="For the macro {event_id}; else a random one.")
    ] = None,
    attributes: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME=VALUE", help="For the macros {attributes.NAME}.", show_default=False),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the URL, secrets masked, and send nothing.")
    ] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Send one test postback, as the worker would; exit 0 where the partner recorded it, else 1.

    With --event or --payout it takes the event URL, without them the simple one. The conversion counts as
    happening now.
    """
    settings = load_settings(ctx)
    given = {
        "event_id": event_id or f"test-{uuid4()}",
        "click_id": click_id,
        "event": event,
        "payout": payout,
        "affiliate_id": affiliate_id,
        "offer_id": offer_id,
        "order_id": order_id,
        "attributes": _attributes(attributes or []),
    }
    from worker.settings.url_mask import mask_request

    request = _request(settings, _event(given))
    if dry_run:
        print(mask_request(request.url))
        return
    tried = asyncio.run(_try(settings, request))
    _report(settings, request, tried, output)


def _attributes(pairs: list[str]) -> dict[str, str]:
    wrong = next((pair for pair in pairs if "=" not in pair or pair.startswith("=")), None)
    if wrong is not None:
        raise typer.BadParameter(f"{wrong!r} is not NAME=VALUE, such as campaign=winter")
    return dict(pair.split("=", 1) for pair in pairs)


def _event(given: Mapping[str, object]) -> ConversionEvent:
    """Make the event by the worker's own reading of records, so that the rules are the same."""
    from schemas import BadRecord, decode

    now = datetime.now(UTC)
    value = json.dumps({**given, "occurred_at": now.isoformat()})
    try:
        return decode(value.encode(), now=now.timestamp())
    except BadRecord as error:
        fail_all(str(error).split("; "), code=WRONG)


def _request(settings: Settings, event: ConversionEvent) -> Request:
    from worker.app import make_plan

    template = make_plan(settings).postback.template(event)
    missing = template.missing(event)
    if missing:
        variable = "POSTBACK_DESTINATION__" + ("SIMPLE_URL" if event.is_simple else "EVENT_URL")
        macros = ", ".join(f"{{{name}}}" for name in missing)
        fail(f"{variable} needs {macros}, which is not given", f"add {_options(missing)}", WRONG)
    return template.render(event)


def _options(missing: Sequence[str]) -> str:
    """What to type for these macros."""
    return " ".join(
        f"{name.removeprefix(ATTRIBUTE)}=VALUE"
        if name.startswith(ATTRIBUTE)
        else f"--{name.replace('_', '-')} VALUE"
        for name in missing
    )


async def _try(settings: Settings, request: Request) -> Tried:
    """Make the attempt; end with exit 2 where the address is forbidden or the transport can't be used."""
    from worker.adapters.http import UnprovenLibrary, make_sender
    from worker.app import sender_options

    await _check_address(settings, request)
    try:
        sender = make_sender(
            settings.destination.transport, replace(sender_options(settings), read_body=True)
        )
    except UnprovenLibrary as error:
        fail(str(error), code=WRONG)
    lane = sender.lane()
    try:
        begun = time.monotonic()
        answer = await lane.send(request)
        return Tried(answer, time.monotonic() - begun)
    finally:
        await lane.close()
        await sender.close()


async def _check_address(settings: Settings, request: Request) -> None:
    from worker.adapters.egress import check_origin

    allowed = settings.destination.allow_private_addresses
    errors, warnings = await check_origin(request.origin, allow_private=allowed)
    for line in warnings:
        warn(line)
    if errors:
        fail_all(errors, code=WRONG)


def _report(settings: Settings, request: Request, tried: Tried, output: Output) -> None:
    from worker.app import make_plan
    from worker.core.classify import Kind, classify

    verdict = classify(tried.answer, make_plan(settings).rules, time.time())
    recorded = verdict.kind is Kind.DELIVERED
    row = _row(request, verdict, tried, recorded)
    if output is Output.JSON:
        print_json(row)
    else:
        print_rows([row], output, [column for column in COLUMNS if row[column] is not None])
    raise typer.Exit(0 if recorded else 1)


def _body(answer: Answer) -> str | None:
    """The beginning of what the partner said, None where it said nothing."""
    body = getattr(answer, "body", b"")
    return body.decode(errors="replace")[:MOST_SHOWN].strip() or None


def _row(request: Request, verdict: Verdict, tried: Tried, recorded: bool) -> dict[str, object]:
    from worker.settings.url_mask import mask_request

    values = (
        "recorded" if recorded else "not recorded",
        verdict.status,
        round(tried.seconds, 3),
        verdict.error or None,
        mask_request(request.url),
        _body(tried.answer),
    )
    return dict(zip(COLUMNS, values, strict=True))
