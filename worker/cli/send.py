"""`send`: one test postback, with the worker's own template and transport.

The rule: one request, or with --dry-run none; it neither reads nor writes Kafka.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.common import (
    WRONG,
    DestinationOption,
    Output,
    OutputOption,
    errors_shown,
    examples,
    fail_all,
    load_settings,
    print_json,
    warn,
)
from worker.cli.tables import print_rows
from worker.core.masking import echo_masked

if TYPE_CHECKING:
    from schemas import ConversionEvent
    from worker.core.answer import Answer, Request
    from worker.ops.sending import SendResult
    from worker.settings import Settings

app = typer.Typer(add_completion=False)

COLUMNS = ("result", "status", "seconds", "error", "url", "body")

ATTRIBUTE = "attributes."

MOST_SHOWN_CHARACTERS = 512
"""How much of the answer's body is shown."""


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
    click_id: Annotated[str, typer.Option(help="The partner's id of the click.")],
    event: Annotated[str | None, typer.Option(help="What the user did: purchase, signup, lead, …")] = None,
    payout: Annotated[str | None, typer.Option(help="Such as 49.99.")] = None,
    currency: Annotated[str | None, typer.Option(help="The payout's, by ISO 4217; else USD.")] = None,
    network: Annotated[str | None, typer.Option(help="Who issued the click: a-z, 0-9, - and _.")] = None,
    order_id: Annotated[str | None, typer.Option(help="For the macro {order_id}.")] = None,
    affiliate_id: Annotated[str | None, typer.Option(help="For the macro {affiliate_id}.")] = None,
    offer_id: Annotated[str | None, typer.Option(help="For the macro {offer_id}.")] = None,
    event_id: Annotated[str | None, typer.Option(help="For the macro {event_id}; else a random one.")] = None,
    occurred_at: Annotated[
        str | None, typer.Option(help="When the user converted, RFC 3339; else now.")
    ] = None,
    clicked_at: Annotated[str | None, typer.Option(help="When the user clicked, RFC 3339.")] = None,
    attributes: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME=VALUE", help="For the macros {attributes.NAME}.", show_default=False),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the request, secrets masked, and send nothing.")
    ] = False,
    destination: DestinationOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Send one test postback, as the worker would; exit 0 where the partner recorded it, else 1.

    Where there are two URLs, --event or --payout takes the event URL. The conversion is as of now.
    """
    settings = load_settings(ctx, destination)
    ids = {"event_id": event_id, "click_id": click_id, "order_id": order_id}
    click = {"network": network, "affiliate_id": affiliate_id, "offer_id": offer_id}
    conversion = {"event": event, "payout": payout, "currency": currency}
    times = {"occurred_at": occurred_at, "clicked_at": clicked_at}
    given = {**ids, **click, **conversion, **times, "attributes": _attributes(attributes or [])}
    _send(settings, given, output, dry_run=dry_run)


def _attributes(pairs: list[str]) -> dict[str, str]:
    wrong = next((pair for pair in pairs if "=" not in pair or pair.startswith("=")), None)
    if wrong is not None:
        raise typer.BadParameter(f"{wrong!r} is not NAME=VALUE, such as campaign=winter")
    return dict(pair.split("=", 1) for pair in pairs)


def _send(settings: Settings, given: Mapping[str, object], output: Output, *, dry_run: bool) -> None:
    from worker.ops.sending import make_event, shown_request
    from worker.settings.secrets import known_secrets

    with errors_shown():
        event = make_event(given)
        request, shown = _request(settings, event), shown_request(settings, event)
        if dry_run:
            if output is Output.JSON:
                print_json(request_object(shown))
            else:
                print_request(shown)
            return
        tried = asyncio.run(_try(settings, request))
    _report(shown, tried, known_secrets(settings.destination), output)


def request_object(request: Request) -> dict[str, object]:
    """Turn a request into a JSON object."""
    body = None if request.body is None else request.body.decode()
    return {"method": request.method, "url": request.url, "headers": dict(request.headers), "body": body}


def print_request(request: Request) -> None:
    """Print a request as it goes over the wire."""
    print(f"{request.method} {request.url}")
    for name, value in request.headers:
        print(f"{name}: {value}")
    if request.body is not None:
        print(f"\n{request.body.decode()}")


def _request(settings: Settings, event: ConversionEvent) -> Request:
    """Make the request; exit 2 if a macro has no value, with the options to give."""
    from worker.ops.sending import NoValue, make_request

    try:
        return make_request(settings, event)
    except NoValue as error:
        fail_all(error.reasons, f"add {_options(error.macros)}", WRONG)


async def _try(settings: Settings, request: Request) -> SendResult:
    from worker.ops.sending import attempt, unsure_of

    for line in await unsure_of(settings, request):
        warn(line)
    return await attempt(settings, request)


def _report(request: Request, tried: SendResult, secrets: tuple[str, ...], output: Output) -> None:
    row = _row(request, tried, secrets)
    if output is Output.JSON:
        print_json(row)
    else:
        print_rows([row], output, [column for column in COLUMNS if row[column] is not None])
    raise typer.Exit(0 if tried.recorded else 1)


def _body(answer: Answer, secrets: tuple[str, ...]) -> str | None:
    """The beginning of the answer's body, None if it is empty; a partner may repeat secrets in it."""
    body = echo_masked(getattr(answer, "body", b"").decode(errors="replace"), secrets)
    return body[:MOST_SHOWN_CHARACTERS].strip() or None


def _row(request: Request, tried: SendResult, secrets: tuple[str, ...]) -> dict[str, object]:
    values = (
        "recorded" if tried.recorded else "not recorded",
        tried.verdict.status,
        round(tried.seconds, 3),
        tried.verdict.error or None,
        request.url,
        _body(tried.answer, secrets),
    )
    return dict(zip(COLUMNS, values, strict=True))


def _options(missing: Sequence[str]) -> str:
    """The options that give these macros a value."""
    return " ".join(
        f"{name.removeprefix(ATTRIBUTE)}=VALUE"
        if name.startswith(ATTRIBUTE)
        else f"--{name.replace('_', '-')} VALUE"
        for name in missing
    )
