"""The rules of an intake, made from the destination.

The rule: it holds only values and callbacks; the intake decides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from worker.core.binding import Identity
from worker.core.retry import Tier
from worker.runner.parts import DestinationParts, Surroundings

LEAST_AHEAD_RECORDS = 32
"""Fewest records that are asked for ahead of the lanes."""


class IntakeRules(NamedTuple):
    """What to take up: `room` records per partition, `ahead` of all together.

    `identity` is this deployment; with `adopt`, another one's commits count as ours; with `unsure`,
    partitions that may be another's are barred as UNSURE. `probing` says whether only probes are sent. With
    `warms`, a partition rests until its journal is read.
    """

    identity: Identity
    tier_of: Callable[[str], Tier | None]
    room: int
    ahead: int
    probing: Callable[[], bool]
    adopt: bool = False
    unsure: bool = False
    warms: bool = False


def rules_of(destination: DestinationParts, around: Surroundings) -> IntakeRules:
    """The rules for this destination."""
    compiled, gate, group, limits, *_ = destination
    tiers = {topic: tier for tier, topic in compiled.tier_topics.items()}

    def tier_of(topic: str) -> Tier | None:
        return tiers.get(topic) or group.former_tier(topic)

    return IntakeRules(
        identity=group.identity,
        tier_of=tier_of,
        room=limits.outstanding,
        # Enough to keep every lane busy while the next batch is on its way.
        ahead=max(LEAST_AHEAD_RECORDS, 2 * gate.limit.most),
        probing=lambda: gate.probes(around.clock.monotonic()),
        adopt=group.adopt,
        unsure=group.stranger is not None and not group.adopt,
        warms=group.remembers is not None,
    )
