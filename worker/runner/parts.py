"""What a run of one destination is made of: the destination itself, its clients, and what surrounds them all.

The rule: values alone. What belongs to a destination hangs on `Destination`; another one gets another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from worker.core.admission.gate import Gate
from worker.core.binding import Identity
from worker.core.held_bytes import HeldBytes
from worker.core.journal import Journaled
from worker.core.remembered_ids import RememberedIds
from worker.core.retry import Tier
from worker.core.tracing import Traced
from worker.pipeline import Plan
from worker.ports import Cache, Clock, Control, Follower, Observer, Publisher, Sender, Source, Tracer
from worker.runner.claims import Stranger


def no_former_tier(_topic: str) -> Tier | None:
    """Know of no tier that the plan does not publish to."""
    return None


class Group(NamedTuple):
    """The consumer group of a destination, and whose it is.

    `identity` is what commits are bound to. `control_topic` is where the group remembers its offsets, None
    where it does not; `journaled` is its journal, None where it keeps none; `remembers` what
    is remembered of it, None where copies are sent. `former_tier` knows tiers, by
    topic, that the plan does not publish to any more. `adopt` takes over what another deployment left;
    `stranger` looks for one. `partition_counts` tells how many partitions source and tiers have, as far as
    that is known; without it nobody else is in the group. `members` are the client ids by which the broker
    knows this worker's members, first that of the source.
    """

    identity: Identity
    control_topic: str | None = None
    former_tier: Callable[[str], Tier | None] = no_former_tier
    adopt: bool = False
    stranger: Stranger | None = None
    journaled: Journaled | None = None
    partition_counts: Callable[[], Mapping[str, int]] | None = None
    members: tuple[str, ...] = ()
    remembers: RememberedIds | None = None


class Limits(NamedTuple):
    """What bounds a run: unfinished records for each partition, seconds for a drain, and bytes held.

    The bytes are what the source counts in, too; None where they are not bounded. `rate` is how many attempts
    a second the whole group may make, None where that is not bounded.
    """

    outstanding: int
    drain: float
    held_bytes: HeldBytes | None = None
    rate: float | None = None


class Tracing(NamedTuple):
    """Who takes the spans of a destination, and what they say of it."""

    tracer: Tracer
    traced: Traced


class Destination(NamedTuple):
    """All that is one destination's own."""

    plan: Plan
    gate: Gate
    group: Group
    limits: Limits
    tracing: Tracing | None = None
    """Who takes its spans; None where it is not traced."""


class Clients(NamedTuple):
    """What a destination reads from, publishes to, and sends with.

    The run closes source, sender and follower; the publisher is others', too, and so is who reads the
    standing orders, where anybody does. The follower reads the journal, where anything is remembered of it;
    the cache keeps that, where anybody has one.
    """

    source: Source
    publisher: Publisher
    sender: Sender
    control: Control | None = None
    follower: Follower | None = None
    cache: Cache | None = None


class Surroundings(NamedTuple):
    """What all parts share: who hears of what happens, both kinds of time, and chance (from 0 to 1)."""

    observer: Observer
    clock: Clock
    jitter: Callable[[], float]
