"""What a member of a group reads, and how; its owner sets it once, for the member's whole life."""

from __future__ import annotations

from collections.abc import Collection, MutableMapping, Sequence
from typing import NamedTuple

from worker.adapters.kafka.offset_lookup import StartPolicy
from worker.adapters.kafka.topic_ids import TopicIds
from worker.core.held_bytes import HeldBytes
from worker.core.place import Place
from worker.core.routing import Router


class SourceOptions(NamedTuple):
    """Reads these topics, or those that match a pattern (`^…`).

    `ids`, which the owner starts, tells one log of a topic from the next. `beginning` says where the group
    begins. Unreadable records at the places in `skip` are passed over. Nothing is read while all of
    `held_bytes` is spent. Events that `router` passes over are not handed over. `refusals` gets, by group,
    the reason why it is refused to this user.
    """

    topics: Sequence[str]
    ids: TopicIds | None = None
    beginning: StartPolicy = StartPolicy()
    skip: Collection[Place] = ()
    held_bytes: HeldBytes | None = None
    refusals: MutableMapping[str, str] | None = None
    router: Router | None = None
