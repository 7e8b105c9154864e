"""The parts of one destination's run: the destination itself, its clients, and what surrounds them.

The rule: it holds only values. Everything that belongs to one destination hangs on its `DestinationParts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from worker.core.admission.gate import Gate
from worker.core.binding import Identity
from worker.core.held_bytes import HeldBytes
from worker.core.journal import DestinationJournal
from worker.core.remembered_ids import RememberedIds
from worker.core.retry import Tier
from worker.core.tracing import SpanOwner
from worker.pipeline import CompiledSettings
from worker.ports import Cache, Clock, Control, Follower, Observer, Publisher, Sender, Source, Tracer
from worker.runner.claim_checks import Stranger


def no_former_tier(_topic: str) -> Tier | None:
    """Know no tiers besides those of the settings."""
    return None


class ConsumerGroup(NamedTuple):
    """The consumer group of a destination, and its owner.

    Commits are bound to `identity`. On `control_topic` the group remembers its offsets, None if it does not.
    `journal` describes its journal, None without one; `remembers` holds its memory, None if copies are
    sent. `former_tier` knows, by topic, tiers that the settings no longer have. `adopt` takes over what
    another deployment left; `stranger` looks for one. `partition_counts` gives the numbers of partitions
    of the source and of all tiers, also former ones, 0 if unknown; without it nobody else is in the group.
    `members` are the client ids of this worker's members, the source's first.
    """

    identity: Identity
    control_topic: str | None = None
    former_tier: Callable[[str], Tier | None] = no_former_tier
    adopt: bool = False
    stranger: Stranger | None = None
    journal: DestinationJournal | None = None
    partition_counts: Callable[[], Mapping[str, int]] | None = None
    members: tuple[str, ...] = ()
    remembers: RememberedIds | None = None


class Limits(NamedTuple):
    """The bounds of a run: unfinished records per partition, seconds of a drain, and bytes held.

    The source counts in the same `held_bytes`; None means unbounded. `rate` is the most attempts per second
    of the whole group, None if unbounded.
    """

    outstanding: int
    drain: float
    held_bytes: HeldBytes | None = None
    rate: float | None = None


class DestinationTracer(NamedTuple):
    """What takes the spans of a destination, and what they say about it."""

    tracer: Tracer
    traced: SpanOwner


class DestinationParts(NamedTuple):
    """Everything that belongs to one destination."""

    compiled: CompiledSettings
    gate: Gate
    group: ConsumerGroup
    limits: Limits
    tracing: DestinationTracer | None = None
    """None if it is not traced."""


class Clients(NamedTuple):
    """What a destination reads from, publishes to and sends with.

    The run closes source, sender and follower; publisher and control are shared with other destinations. The
    follower reads the journal, if anything is remembered of it, and the cache keeps that.
    """

    source: Source
    publisher: Publisher
    sender: Sender
    control: Control | None = None
    follower: Follower | None = None
    cache: Cache | None = None


class Surroundings(NamedTuple):
    """What all parts share: the observer, the clocks, and jitter (from 0 to 1)."""

    observer: Observer
    clock: Clock
    jitter: Callable[[], float]
