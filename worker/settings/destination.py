"""The settings of a destination: where its postbacks go, what is in them, and what counts as delivered.

The rule: a destination that exists is valid; it is frozen, and each value passed its checks.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

from schemas.currency import USD
from worker.core.templates import UrlTemplate
from worker.settings import currencies, templates
from worker.settings.addresses import Proxy
from worker.settings.groups import Group
from worker.settings.right import right
from worker.settings.template_values import Body, Method, OneUrl, RequestHeaders, Secrets, Url
from worker.settings.values import (
    Currencies,
    File,
    Flag,
    Label,
    Lower,
    Pattern,
    PatternOfSomething,
    PositiveDuration,
    Rate,
    Statuses,
    ValueKind,
)

TRACK = "https://track.momentscience.com/postback"
SIMPLE_URL = f"{TRACK}?click_id={{click_id}}"
EVENT_URL = f"{TRACK}?measurement=1&click_id={{click_id}}&event={{event}}&payout={{payout}}"
"""Published by the partner; no part of it is secret."""


class Destination(BaseModel):
    """The partner: where a postback goes, and how its answer is read."""

    model_config = Group

    name: Label = Field("momentscience", description="label in logs and metrics")
    url: OneUrl = Field(
        None, repr=False, description="URL of every event; excludes `SIMPLE_URL` and `EVENT_URL`"
    )
    simple_url: Url = Field(
        SIMPLE_URL, repr=False, description="URL of an event with neither `event` nor `payout`"
    )
    event_url: Url = Field(EVENT_URL, repr=False, description="URL of an event with `event` or `payout`")
    currencies: Currencies = Field(
        frozenset({USD}),
        min_length=1,
        description="currencies (ISO 4217) of the payouts that it takes; an event in another is `invalid` "
        "for it. Several take `{currency}` beside each `{payout}`",
    )
    method: Method = Field("GET", description="method of each request")
    body: Body = Field(
        None,
        repr=False,
        description="body of each request, a template; takes `POST` or `PUT`, at most 64 KiB once filled",
    )
    content_type: Annotated[str, ValueKind("content type")] = Field(
        "application/json",
        description="type of the body: JSON, `application/x-www-form-urlencoded` or `text/plain`",
    )
    secrets: Secrets = Field(
        default_factory=dict, description="values for `{secret.NAME}`: `__API_KEY` is `{secret.api_key}`"
    )
    timeout: PositiveDuration = Field(10.0, description="one attempt; waiting for a free lane is not counted")
    concurrency: Annotated[int, ValueKind("integer, 1 to 10000")] = Field(
        256, ge=1, le=10_000, description="most requests in flight; the adaptive limit moves below it"
    )
    transport: Annotated[Literal["direct", "session"], Lower, ValueKind("`direct`, `session`")] = Field(
        "direct",
        description="each lane owns its connection, or aiohttp's `ClientSession`; both behave the same",
    )
    proxy: Proxy = Field(None, description="HTTP proxy; takes `TRANSPORT=session`")
    rate: Rate = Field(None, description="most attempts a second, of all workers of the group together")
    success_statuses: Statuses = Field(
        frozenset({200}),
        min_length=1,
        description="statuses that mean recorded, never sent again; classes (`2xx`) too: the exact code wins",
    )
    terminal_statuses: Statuses = Field(
        frozenset(),
        description="statuses that mean never: dead-lettered as `rejected`. A class (`4xx`) leaves 408, 425 "
        "and 429 to be tried again, unless they are named",
    )
    recorded_body: PatternOfSomething = Field(
        None, description="an answer whose first 4 KiB match is a delivery, whatever its status"
    )
    terminal_body: PatternOfSomething = Field(
        None,
        description="an answer whose first 4 KiB match, whatever its status, is dead-lettered as `rejected`; "
        "looked for after `RECORDED_BODY`",
    )
    reject_body: Pattern = Field(
        None,
        description="a success whose first 4 KiB match is a failure (`rejected_body`); looked for last",
    )
    headers: RequestHeaders = Field(
        default_factory=dict,
        description="extra request headers, templates: `__X_TOKEN` is `X-Token`",
    )
    allow_private_addresses: Flag = Field(
        False, description="let postbacks go to loopback, private, link-local and metadata addresses"
    )
    ca_file: File = Field(
        None,
        description="PEM file of the authorities that the partner's certificate may come from, in place of "
        "the system's",
    )
    cert_file: File = Field(None, description="PEM file of a client certificate, with its chain")
    key_file: File = Field(
        None, description="PEM file of the client certificate's key, unless `CERT_FILE` holds it, too"
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        wrong = list(templates.problems(self))
        problems = [*_half_set(self), *(wrong or currencies.problems(self))]
        if self.key_file is not None and self.cert_file is None:
            problems.append(
                "POSTBACK_DESTINATION__KEY_FILE: takes POSTBACK_DESTINATION__CERT_FILE, the certificate of "
                "this key"
            )
        if self.proxy is not None and self.transport != "session":
            problems.append("POSTBACK_DESTINATION__PROXY: takes POSTBACK_DESTINATION__TRANSPORT=session")
        both = sorted(self.success_statuses & self.terminal_statuses, key=str)
        if both:
            problems.append(
                f"POSTBACK_DESTINATION__TERMINAL_STATUSES: {both[0]} is in "
                "POSTBACK_DESTINATION__SUCCESS_STATUSES too; it can be in one of them"
            )
        return right(self, problems)


def _half_set(destination: Destination) -> list[str]:
    """Find a URL of another partner beside one that still goes to the built-in partner."""
    given = destination.model_fields_set & {"simple_url", "event_url"}
    if len(given) != 1 or destination.url is not None:
        return []
    (name,) = given
    ours = UrlTemplate.parse(TRACK).origin.host
    host = UrlTemplate.parse(getattr(destination, name)).origin.host
    if host == ours:
        return []
    other = "EVENT_URL" if name == "simple_url" else "SIMPLE_URL"
    kind = "with `event` or `payout`" if name == "simple_url" else "with neither `event` nor `payout`"
    line = (
        f"POSTBACK_DESTINATION__{other}: must be set, too: only POSTBACK_DESTINATION__{name.upper()} goes to "
        f"{host}, and events {kind} would go to {ours}"
    )
    return [line]
