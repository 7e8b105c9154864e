"""One test postback, by the same template and over the same transport as the worker's.

The rule: one request; nothing is read from Kafka or written to it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from schemas import BadRecord, ConversionEvent, decode
from worker.adapters.egress import check_origin
from worker.adapters.http import UnprovenLibrary, make_sender
from worker.compiled import make_plan, sender_options
from worker.core.answer import Answer, Request
from worker.core.classify import Kind, Verdict, classify
from worker.ops.errors import WrongUsage
from worker.settings import Settings

ATTRIBUTE = "attributes."


class Tried(NamedTuple):
    """One attempt: what came back, how it is judged, and how many seconds that took."""

    answer: Answer
    verdict: Verdict
    seconds: float

    @property
    def recorded(self) -> bool:
        """Whether the partner recorded it."""
        return self.verdict.kind is Kind.DELIVERED


def make_event(given: Mapping[str, object]) -> ConversionEvent:
    """Make an event of now by the worker's own reading of records; raise WrongUsage where it is none."""
    now = datetime.now(UTC)
    value = json.dumps({**given, "occurred_at": now.isoformat()})
    try:
        return decode(value.encode(), now=now.timestamp())
    except BadRecord as error:
        raise WrongUsage(str(error).split("; ")) from error


def make_request(settings: Settings, event: ConversionEvent) -> Request:
    """Fill its URL; raise WrongUsage where a macro has no value."""
    template = make_plan(settings).postback.template(event)
    missing = template.missing(event)
    if missing:
        variable = "POSTBACK_DESTINATION__" + ("SIMPLE_URL" if event.is_simple else "EVENT_URL")
        macros = ", ".join(f"{{{name}}}" for name in missing)
        why = f"{variable} needs {macros}, which is not given"
        raise WrongUsage([why], f"add {_options(missing)}")
    return template.render(event)


async def unsure_of(settings: Settings, request: Request) -> list[str]:
    """What may be wrong with where it goes, a line each; raise WrongUsage where that is forbidden."""
    allowed = settings.destination.allow_private_addresses
    errors, warnings = await check_origin(request.origin, allow_private=allowed)
    if errors:
        raise WrongUsage(errors)
    return warnings


async def attempt(settings: Settings, request: Request) -> Tried:
    """Make the attempt, and read the answer's body; raise WrongUsage where the transport can't be used."""
    try:
        sender = make_sender(
            settings.destination.transport, replace(sender_options(settings), read_body=True)
        )
    except UnprovenLibrary as error:
        raise WrongUsage([str(error)]) from error
    lane = sender.lane()
    try:
        begun = time.monotonic()
        answer = await lane.send(request)
        seconds = time.monotonic() - begun
        return Tried(answer, classify(answer, make_plan(settings).rules, time.time()), seconds)
    finally:
        await lane.close()
        await sender.close()


def _options(missing: Sequence[str]) -> str:
    """What to type for these macros."""
    return " ".join(
        f"{name.removeprefix(ATTRIBUTE)}=VALUE"
        if name.startswith(ATTRIBUTE)
        else f"--{name.replace('_', '-')} VALUE"
        for name in missing
    )
