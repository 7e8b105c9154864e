"""The members of a destination's groups.

The rule: the broker's answer counts; if it has none, the workers' own reports do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.adapters.kafka.group_members import GroupMembers
    from worker.core.flow import MemberCounts
    from worker.core.worker_report import WorkerReport


def members_of(groups: GroupMembers) -> tuple[Sequence[str], Sequence[str]] | None:
    """The client ids of the members of both groups; None if the broker does not tell."""
    from worker.adapters.kafka.group_members import GroupsUntold

    try:
        source, tiers = groups.members().values()
    except GroupsUntold:
        return None
    return source, tiers


def present(
    members: tuple[Sequence[str], Sequence[str]] | None, every: Sequence[WorkerReport]
) -> tuple[MemberCounts, Sequence[WorkerReport]]:
    """How many members there are, and their reports; if the broker does not tell, every reporter is one."""
    from worker.core.flow import MemberCounts

    if members is None:
        return MemberCounts(len(every), len(every)), every
    source, tiers = members
    there = {*source, *tiers}
    return MemberCounts(len(source), len(tiers)), [one for one in every if there.intersection(one.members)]
