"""The groups of settings but the destination: names, defaults and meanings for Kafka, retries and more.

The rule: a group that exists is valid; it is frozen, and each value passed its checks.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from worker.core.retry import Tier
from worker.settings.addresses import Host, Servers
from worker.settings.kafka_properties import Properties
from worker.settings.right import right
from worker.settings.values import (
    EARLIEST,
    Delays,
    Duration,
    Flag,
    Folder,
    Lower,
    Places,
    PositiveDuration,
    StartPoint,
    TopicName,
    ValueKind,
)

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
