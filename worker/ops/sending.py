"""Sends one test postback, with the worker's template and transport.

The rule: it makes one request, and neither reads from Kafka nor writes to it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import uuid4

from schemas import BadRecord, ConversionEvent, decode
from worker.adapters.egress import check_origin
from worker.adapters.http import UnprovenLibrary, WrongTlsFiles, load_tls, make_sender
from worker.compiled import compile_settings, make_postback, sender_options, tls_files
from worker.core.answer import Answer, Content, Request
from worker.core.classify import AnswerKind, AnswerVerdict, classify
from worker.core.currencies import foreign_currency
from worker.core.masking import MASK
from worker.core.templates import CannotFill, Postback, RequestTemplates, compile_request
from worker.ops.errors import WrongUsage
from worker.settings import Settings
from worker.settings.several import as_written
from worker.settings.templates import parts_of
from worker.settings.url_mask import mask_filled, mask_request


class NoValue(WrongUsage):
    """A URL's template has `macros` for which the event has no value."""

    def __init__(self, variable: str, macros: Sequence[str]) -> None:
        named = ", ".join(f"{{{name}}}" for name in macros)
        super().__init__([f"{variable} needs {named}, which is not given"])
        self.macros = macros


class SendResult(NamedTuple):
    """One attempt: the answer, the verdict, and how many seconds it took."""

    answer: Answer
    verdict: AnswerVerdict
    seconds: float

    @property
    def recorded(self) -> bool:
        """Whether the partner recorded it."""
        return self.verdict.kind is AnswerKind.DELIVERED


def make_event(given: Mapping[str, object]) -> ConversionEvent:
    """Make an event, by default of now and with a random id; raise WrongUsage if it is invalid.

    It is read as the worker reads records.
    """
    now = datetime.now(UTC)
    event_id = given.get("event_id") or f"test-{uuid4()}"
    occurred_at = given.get("occurred_at") or now.isoformat()
    value = json.dumps({**given, "event_id": event_id, "occurred_at": occurred_at})
    try:
        return decode(value.encode(), now=now.timestamp())
    except BadRecord as error:
        raise WrongUsage(str(error).split("; ")) from error


def make_request(settings: Settings, event: ConversionEvent) -> Request:
    """Fill the templates for a first attempt now.

    Raises NoValue if a macro has no value, WrongUsage for a refused currency or a value that can't stand in
    its place.
    """
    foreign = foreign_currency(event, settings.destination.currencies)
    if foreign is not None:
        raise WrongUsage(as_written(settings, [f"{foreign} (POSTBACK_DESTINATION__CURRENCIES)"]))
    variable, parts = _chosen(settings, event)
    try:
        return make_postback(settings.destination).request_of(event, 1, time.time())
    except CannotFill as error:
        missing = parts.missing(event.__dict__)
        if missing:
            raise NoValue(as_written(settings, [variable])[0], missing) from error
        raise WrongUsage([str(error)]) from error


def shown_request(settings: Settings, event: ConversionEvent) -> Request:
    """The request as it is shown: with all headers, and secrets and possible secrets masked.

    Of header values only what the event fills in is shown.
    """
    _, parts = _chosen(settings, event)
    parts = parts._replace(headers=tuple(header.masked(MASK) for header in parts.headers))
    secrets = dict.fromkeys(settings.destination.secrets, MASK)
    template = compile_request(parts, secrets, every_header=True)
    request = Postback(template, template).request_of(event, 1, time.time())
    body = (
        None
        if request.body is None
        else mask_filled(request.body.decode(), settings.destination.content_type)
    )
    content = Content(request.method, request.headers, None if body is None else body.encode())
    return Request(request.origin, mask_request(request.target), content)


def _chosen(settings: Settings, event: ConversionEvent) -> tuple[str, RequestTemplates]:
    """The templates for an event, and the variable of their URL."""
    return list(parts_of(settings.destination).items())[0 if event.is_simple else -1]


async def unsure_of(settings: Settings, request: Request) -> list[str]:
    """Warnings about where it goes; raise WrongUsage if that is forbidden."""
    allowed = settings.destination.allow_private_addresses
    errors, warnings = await check_origin(request.origin, allow_private=allowed)
    if errors:
        raise WrongUsage(errors)
    return warnings


async def attempt(settings: Settings, request: Request) -> SendResult:
    """Make the attempt, and read the answer's body.

    Raises WrongUsage if the transport or a TLS file can't be used.
    """
    try:
        options = sender_options(settings, load_tls(tls_files(settings)))
        sender = make_sender(settings.destination.transport, replace(options, read_statuses=None))
    except UnprovenLibrary as error:
        raise WrongUsage([str(error)]) from error
    except WrongTlsFiles as wrong:
        raise WrongUsage(wrong.problems) from wrong
    lane = sender.lane()
    try:
        begun = time.monotonic()
        answer = await lane.send(request)
        seconds = time.monotonic() - begun
        return SendResult(answer, classify(answer, compile_settings(settings).rules, time.time()), seconds)
    finally:
        await lane.close()
        await sender.close()
