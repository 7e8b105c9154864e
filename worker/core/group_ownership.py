"""Which deployment owns a consumer group, judged by its commits and the records of its tiers.

The rule: two deployments never share a group, because each would send the other's events to its own partner.
The first one owns it, until another is told to take it over.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from schemas import WorkerHeaders
from worker.core.binding import UNKNOWN, Binding, Identity, LogId, marks_of
from worker.core.offset_map import DamagedMap, read
from worker.core.record import Record

WAYS_OUT = (
    "give this deployment another POSTBACK_KAFKA__GROUP_ID, or take the group over on purpose "
    "(a source or destination that was renamed) with `postback-worker run --adopt`"
)


class Commit(NamedTuple):
    """A group's commit for a partition of a topic."""

    topic: str
    metadata: str


def stranger(ours: Identity, commits: Iterable[Commit], candidates: Iterable[Identity]) -> str | None:
    """Name the first other deployment that committed one of these; None if all may be ours.

    Metadata shows whether identities differ, but not their names, which are looked up among `candidates`.
    """
    names = {_mark(one): one for one in candidates}
    for commit in commits:
        mark = _mark_in(commit.metadata)
        if mark not in {UNKNOWN, _mark(ours)}:
            return describe(names[mark]) if mark in names else "another deployment"
    return None


def is_signed(ours: Identity, commits: Iterable[Commit]) -> bool:
    """Return whether one of these commits is certainly of this very deployment."""
    return any(_mark_in(commit.metadata) == _mark(ours) for commit in commits)


def describe(identity: Identity) -> str:
    """An identity in words."""
    return f"the deployment that reads {identity.source} and sends to {identity.destination}"


def belongs_line(group: str, other: str, ours: Identity) -> str:
    """Tell that another deployment owns a group."""
    return f"the group {group} belongs to {other}; this is {describe(ours)}: {WAYS_OUT}"


def unread_line(group: str, topic: str, records: int, ours: Identity) -> str:
    """Tell what a group has left unread of a topic that was its source."""
    return (
        f"{records} records of {topic} are not read yet by the group {group}, which had it as its source: "
        f"while that is {ours.source}, nobody sends them"
    )


def is_of_another_source(ours: Identity, record: Record, headers: WorkerHeaders) -> bool:
    """Return whether a tier's record is from another source topic, by its origin.

    A record that was put into a tier without an origin is its own: from then on that is in one of our tiers.
    """
    if headers.origin is None:
        return False
    topic = headers.origin.rsplit("/", 2)[0]
    return topic != ours.source and _without_delay(topic) != _without_delay(record.at.topic)


def _without_delay(tier_topic: str) -> str:
    return tier_topic.rpartition(".")[0]


def _mark_in(metadata: str) -> bytes:
    try:
        return read(metadata).marks.identity
    except DamagedMap:
        return UNKNOWN


def _mark(identity: Identity) -> bytes:
    return marks_of(Binding(LogId(), identity)).identity
