"""What a member of a group reads, and how: given by its owner, the same for its whole life."""

from __future__ import annotations

from collections.abc import Collection, MutableMapping, Sequence
from typing import NamedTuple

from worker.adapters.kafka.start_offsets import Beginning
from worker.adapters.kafka.topic_ids import TopicIds
from worker.core.held_bytes import HeldBytes
from worker.core.place import Place
from worker.core.routing import Router


class Reading(NamedTuple):
    """Of these topics, or of those that a pattern (`^…`) names.

    `ids`, which its owner starts, tells one log of a topic from the next; `beginning` says where its group
    begins; at the places in `skip` what can't be read is passed over; nothing is read while all of
    `held_bytes` is spent; what `router` passes over is not handed over. In `refusals` stands why the group
    is refused to this user, by its name.
    """

    topics: Sequence[str]
    ids: TopicIds | None = None
    beginning: Beginning = Beginning()
    skip: Collection[Place] = ()
    held_bytes: HeldBytes | None = None
    refusals: MutableMapping[str, str] | None = None
    router: Router | None = None
