"""What can be set: every name, default and meaning, in one place.

The rule: a Settings that exists is valid. It is frozen, and each value passed its checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, PrivateAttr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from worker.core.retry import Tier
from worker.settings import byte_bounds
from worker.settings.console import Console
from worker.settings.destination import Destination
from worker.settings.groups import Circuit, Http, Journal, Kafka, Log, Retry
from worker.settings.right import right
from worker.settings.tracing import Tracing
from worker.settings.values import (
    Bytes,
    Duration,
    ValueKind,
    format_duration,
)

if TYPE_CHECKING:
    from worker.settings.reread_files import SettingsFiles

LONGEST_TOPIC_CHARACTERS = 249


class Settings(BaseSettings):
    """All settings. `load` reads them from their sources; the constructor reads none."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kafka: Kafka = Field(default_factory=Kafka)
    destination: Destination = Field(default_factory=Destination)
    retry: Retry = Field(default_factory=Retry)
    max_outstanding: Annotated[int, ValueKind("integer, 1 to 1000")] = Field(
        1000, ge=1, le=1000, description="unfinished records held for each partition"
    )
    max_held_bytes: Bytes = Field(
        64_000_000,
        description="bytes of records held by a worker, of all partitions together, with what the Kafka "
        "clients have queued; at least `1MB`",
    )
    drain_timeout: Duration = Field(
        25.0, description="how long a SIGTERM or a rebalance waits for what is under way"
    )
    circuit: Circuit = Field(default_factory=Circuit)
    journal: Journal = Field(default_factory=Journal)
    http: Http = Field(default_factory=Http)
    log: Log = Field(default_factory=Log)
    console: Console = Field(default_factory=Console)
    tracing: Tracing = Field(default_factory=Tracing)

    _origins: Mapping[str, str] = PrivateAttr(default_factory=dict)
    _warnings: tuple[str, ...] = PrivateAttr(default=())
    _files: SettingsFiles | None = PrivateAttr(default=None)
    _is_of_several: bool = PrivateAttr(default=False)

    @property
    def tiers(self) -> tuple[Tier, ...]:
        """The delay tiers, shortest first."""
        return self.retry.delays

    def tier_topic(self, tier: Tier) -> str:
        """The topic of a delay tier."""
        return f"{self.kafka.group_id}.retry.{tier.label}"

    @property
    def retry_group(self) -> str:
        """The consumer group that reads the delay tiers."""
        return f"{self.kafka.group_id}.retry"

    @property
    def dlq_topic(self) -> str:
        """The topic of the dead letters."""
        return f"{self.kafka.group_id}.dlq"

    @property
    def journal_topic(self) -> str:
        """The topic of the journal: what became of each conversion."""
        return f"{self.kafka.group_id}.journal"

    @property
    def control_topic(self) -> str:
        """The topic that keeps orders, replays and other state of the group."""
        return f"{self.kafka.group_id}.control"

    @property
    def origins(self) -> Mapping[str, str]:
        """The source of each variable that was given."""
        return self._origins

    @property
    def files(self) -> SettingsFiles | None:
        """The files that values were read from; None if there were none."""
        return self._files

    @property
    def warnings(self) -> tuple[str, ...]:
        """A line for each value that was given in a way that looks unintended."""
        return self._warnings

    @property
    def is_of_several(self) -> bool:
        """Whether these settings belong to one of several destinations."""
        return self._is_of_several

    @model_validator(mode="after")
    def _agree(self) -> Self:
        problems = [*_topic_problems(self), *_drain_problems(self)]
        return right(self, [*problems, *_byte_problems(self)])

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings calls it so
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read nothing: `load` chooses the sources and their order."""
        return (init_settings,)


def _topic_problems(settings: Settings) -> list[str]:
    own = [
        settings.dlq_topic,
        settings.control_topic,
        settings.journal_topic,
        *(settings.tier_topic(tier) for tier in settings.tiers),
    ]
    problems = []
    if settings.kafka.topic in own:
        problems.append(
            f"POSTBACK_KAFKA__TOPIC: {settings.kafka.topic} is one of the group's own topics "
            "(retries, dead letters, journal, control); the source must be another"
        )
    longest = max(own, key=len)
    if len(longest) > LONGEST_TOPIC_CHARACTERS:
        problems.append(
            f"POSTBACK_KAFKA__GROUP_ID: is {len(longest) - LONGEST_TOPIC_CHARACTERS} characters too long: "
            f"with .retry. and a delay it must make a topic name of at most {LONGEST_TOPIC_CHARACTERS}"
        )
    return problems


def _byte_problems(settings: Settings) -> list[str]:
    return byte_bounds.problems(settings.max_held_bytes, settings.kafka.properties, "POSTBACK_MAX_HELD_BYTES")


def _drain_problems(settings: Settings) -> list[str]:
    limit = 0.8 * settings.kafka.max_poll_interval
    if settings.drain_timeout < limit:
        return []
    below = f"must be below {format_duration(limit)} (four fifths of max.poll.interval.ms)"
    return [f"POSTBACK_DRAIN_TIMEOUT: {below}, or the broker takes the partitions away while they drain"]
