"""The groups of settings: names, defaults and meanings for Kafka, the destination and more.

The rule: a group that exists is valid; it is frozen, and each value passed its checks.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.currency import USD
from worker.core.retry import Tier
from worker.core.templates import UrlTemplate
from worker.settings import currencies, templates
from worker.settings.kafka_properties import Properties
from worker.settings.right import right
from worker.settings.template_values import Body, Method, OneUrl, RequestHeaders, Secrets, Url
from worker.settings.values import (
    EARLIEST,
    Currencies,
    Delays,
    Duration,
    File,
    Flag,
    Folder,
    Host,
    Label,
    Lower,
    Pattern,
    PatternOfSomething,
    Places,
    PositiveDuration,
    Proxy,
    Rate,
    Servers,
    StartPoint,
    Statuses,
    TopicName,
    ValueKind,
)

TRACK = "https://track.momentscience.com/postback"
SIMPLE_URL = f"{TRACK}?click_id={{click_id}}"
EVENT_URL = f"{TRACK}?measurement=1&click_id={{click_id}}&event={{event}}&payout={{payout}}"
"""Published by the partner; no part of it is secret."""
MAX_POLL_INTERVAL_SECONDS = 300.0
_CACHE_DIR = "folder for a copy of that, for a quick restart; by default one in the temporary directory"

Group = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True)


def _tiers(*delays: tuple[str, float]) -> tuple[Tier, ...]:
    return tuple(Tier(label, seconds) for label, seconds in delays)


class Kafka(BaseModel):
    """Where the events come from, and where the retries and dead letters go."""

    model_config = Group

    bootstrap_servers: Servers = Field("localhost:9092", description="brokers to ask first")
    topic: TopicName = Field("conversions", description="source topic")
    group_id: TopicName = Field(
        "postback-worker",
        description="consumer group of the source; owns the group `{group}.retry` and the topics "
        "`{group}.retry.{delay}`, `{group}.dlq`, `{group}.journal` and `{group}.control`",
    )
    start: StartPoint = Field(
        EARLIEST,
        description="where a group begins on its first day: with no committed offset, none that it "
        "remembers on `{group}.control`, and no journal",
    )
    skip: Places = Field(
        frozenset(),
        description="records that can't be read and are given up: just these are passed over",
    )
    properties: Properties = Field(
        default_factory=dict,
        repr=False,
        description="any librdkafka property: `__SASL_MECHANISM` is `sasl.mechanism`; "
        "those that the worker owns are refused",
    )

    @property
    def max_poll_interval(self) -> float:
        """The most seconds between two polls; after more, the broker takes the partitions away."""
        given = self.properties.get("max.poll.interval.ms")
        return int(given) / 1000 if given else MAX_POLL_INTERVAL_SECONDS


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
    origin = UrlTemplate.parse(getattr(destination, name)).origin
    if origin == UrlTemplate.parse(TRACK).origin:
        return []
    other = "EVENT_URL" if name == "simple_url" else "SIMPLE_URL"
    kind = "with `event` or `payout`" if name == "simple_url" else "with neither `event` nor `payout`"
    line = (
        f"POSTBACK_DESTINATION__{other}: must be set, too: only POSTBACK_DESTINATION__{name.upper()} goes to "
        f"{origin.host}, and events {kind} would go to {UrlTemplate.parse(TRACK).origin.host}"
    )
    return [line]


class Retry(BaseModel):
    """How long and how often an event is tried again."""

    model_config = Group

    delays: Delays = Field(
        _tiers(
            ("10s", 10), ("1m", 60), ("5m", 300), ("30m", 1800), ("2h", 7200), ("6h", 21600), ("24h", 86400)
        ),
        description="one delay tier (a topic) each; the last is reused",
    )
    max_attempts: Annotated[int, ValueKind("integer, from 1")] = Field(
        12, ge=1, description="attempts before an event is dead-lettered as `exhausted`"
    )
    window: PositiveDuration = Field(
        30 * 86400.0, description="from the click; after it an event is dead-lettered as `expired`"
    )


class Circuit(BaseModel):
    """When the partner counts as down, and how it is asked whether it is back."""

    model_config = Group

    window: PositiveDuration = Field(10.0, description="attempts that are looked at: those of the last …")
    failure_share: Annotated[float, ValueKind("share, above 0 to 1")] = Field(
        0.5,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="share of failures in the window that opens the circuit",
    )
    min_failures: Annotated[int, ValueKind("integer, from 1")] = Field(
        10, ge=1, description="fewer failures than this never open it"
    )
    probe_pause: PositiveDuration = Field(1.0, description="first pause before a probe; it doubles")
    probe_pause_max: PositiveDuration = Field(30.0, description="longest pause before a probe")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.probe_pause <= self.probe_pause_max:
            return self
        line = "POSTBACK_CIRCUIT__PROBE_PAUSE: must not be longer than POSTBACK_CIRCUIT__PROBE_PAUSE_MAX"
        return right(self, [line])


class Journal(BaseModel):
    """What is written down of each conversion, on the topic `{group}.journal`."""

    model_config = Group

    enabled: Flag = Field(True, description="write a step for everything that becomes of a record")
    bodies: Flag = Field(True, description="with the beginning of a refusal's body, 512 characters at most")
    dedup_window: Duration = Field(
        86400.0,
        description="for so long a second record of an event id that was delivered, waits or is dead is not "
        "sent, in the same partition of the source; `0s` is never",
    )
    dedup_most: Annotated[int, ValueKind("integer, from 1")] = Field(
        1_000_000,
        ge=1,
        le=1_000_000_000,
        description="most event ids that a worker remembers for that, of about 50 bytes each; the oldest are "
        "forgotten first",
    )
    cache_dir: Folder = Field(None, description=_CACHE_DIR)


class Http(BaseModel):
    """Where metrics and health are served."""

    model_config = Group

    host: Host = Field("127.0.0.1", description="address of metrics and health")
    port: Annotated[int, ValueKind("integer, 0 to 65535")] = Field(
        8080, ge=0, le=65535, description="port of metrics and health; 0 takes any free one"
    )


class Log(BaseModel):
    """How the worker logs, on stderr."""

    model_config = Group

    format: Annotated[Literal["auto", "json", "console"], Lower, ValueKind("`auto`, `json`, `console`")] = (
        Field("auto", description="`auto` is JSON unless stderr is a terminal")
    )
    level: Annotated[
        Literal["debug", "info", "warning", "error"], Lower, ValueKind("`debug`, `info`, `warning`, `error`")
    ] = Field("info", description="least level that is logged")
