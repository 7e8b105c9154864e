"""Who is in the groups of a destination.

The rule: the broker's word counts; where it has none, the workers' own does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.adapters.kafka.group_members import GroupMembers
    from worker.core.flow import Members
    from worker.core.worker_report import WorkerReport


def members_of(groups: GroupMembers) -> tuple[Sequence[str], Sequence[str]] | None:
    """The client ids of the members of the two groups; None where the broker does not say."""
    from worker.adapters.kafka.group_members import GroupsUntold

    try:
        source, tiers = groups.members().values()
    except GroupsUntold:
        return None
    return source, tiers


def present(
    members: tuple[Sequence[str], Sequence[str]] | None, every: Sequence[WorkerReport]
) -> tuple[Members, Sequence[WorkerReport]]:
    """How many members there are, and what those say; where nobody tells, each that says something is one."""
    from worker.core.flow import Members

    if members is None:
        return Members(len(every), len(every)), every
    source, tiers = members
    there = {*source, *tiers}
    return Members(len(source), len(tiers)), [one for one in every if there.intersection(one.members)]
