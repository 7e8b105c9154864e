"""What an intake takes up, and how much: made of what is said of the destination.

The rule: values and questions alone; the intake decides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from worker.core.binding import Identity
from worker.core.retry import Tier
from worker.runner.parts import Destination, Surroundings

LEAST_AHEAD_RECORDS = 32
"""Fewest records that are asked for ahead of the lanes: the next batch is on its way meanwhile."""


class IntakeRules(NamedTuple):
    """What is taken up and how much: `room` records of each partition, `ahead` of all together.

    `identity` is whose the group is: with `adopt` what another deployment
    left is taken for ours, with `unsure` what may be another's is barred as UNSURE. `probing` tells whether
    only probes are sent. With `warms` a partition rests until its copies are known.
    """

    identity: Identity
    tier_of: Callable[[str], Tier | None]
    room: int
    ahead: int
    probing: Callable[[], bool]
    adopt: bool = False
    unsure: bool = False
    warms: bool = False


def rules_of(destination: Destination, around: Surroundings) -> IntakeRules:
    """What is taken up for this destination."""
    plan, gate, group, limits, *_ = destination
    tiers = {topic: tier for tier, topic in plan.tier_topics.items()}

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
