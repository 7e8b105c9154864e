"""Whose a consumer group is: what its commits and the records of its tiers tell of who made them.

The rule: two deployments never work with one group, for each would send what is the other's to its own
partner. The first one has it, until the other one is told to take it over.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from worker.core.binding import UNKNOWN, Binding, Identity, LogId, marks_of
from worker.core.offset_map import DamagedMap, read

WAYS_OUT = (
    "give this deployment another POSTBACK_KAFKA__GROUP_ID, or take the group over on purpose "
    "(a source or destination that was renamed) with `postback-worker run --adopt`"
)


class Commit(NamedTuple):
    """What a group has committed for a partition of a topic."""

    topic: str
    metadata: str


def stranger(ours: Identity, commits: Iterable[Commit], candidates: Iterable[Identity]) -> str | None:
    """Name the first other deployment that committed one of these; None where all may be ours.

    Metadata tells whether two identities differ, not their names: those are looked for among `candidates`.
    """
    names = {_mark(one): one for one in candidates}
    for commit in commits:
        mark = _mark_in(commit.metadata)
        if mark not in {UNKNOWN, _mark(ours)}:
            return describe(names[mark]) if mark in names else "another deployment"
    return None


def describe(identity: Identity) -> str:
    """Name an identity in words."""
    return f"the deployment that reads {identity.source} and sends to {identity.destination}"


def is_of_another_source(ours: Identity, origin: str | None) -> bool:
    """Tell whether a tier's record is of another source topic, by its origin `topic/partition/offset`."""
    return origin is not None and origin.rsplit("/", 2)[0] != ours.source


def _mark_in(metadata: str) -> bytes:
    try:
        return read(metadata).marks.identity
    except DamagedMap:
        return UNKNOWN


def _mark(identity: Identity) -> bytes:
    return marks_of(Binding(LogId(), identity)).identity
