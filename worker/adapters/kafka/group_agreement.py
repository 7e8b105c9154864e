"""Notices that the group's coordinator takes other partitions for a member's than the member's client does.

With `group.protocol=consumer`, librdkafka (2.16) sends no full heartbeat after one that timed out, and the
coordinator tells of a change once. If the answer that was lost gave partitions, the coordinator counts on
them being read, and nobody reads them, however long; if it took some, the client keeps them until
`max.poll.interval.ms`. Only joining anew ends that. Nor does the client tell a member that it gets nothing,
where there are more members than partitions. The rule: nothing here waits for the broker.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from confluent_kafka import Consumer, KafkaException

from worker.adapters.kafka.config import Config, uses_new_protocol
from worker.adapters.kafka.loop_bridge import names
from worker.adapters.kafka.records import to_partition
from worker.adapters.kafka.topic_ids import TopicIds
from worker.core.agreement import Agreement, CoordinatorView

LOOK_EVERY_SECONDS = 5.0
"""Seconds between two looks; a question that was asked at one is answered at the next."""

ASK_AGAIN_SECONDS = 60.0
"""Seconds until a question counts as lost: its client may have been replaced."""


class GroupAgreement:
    """Of one member, used by its poll thread between its calls.

    If the two don't agree, `tell` hears of it and `renew` is to have the member join anew. `idle` hears of a
    member that has nothing and is to have nothing.
    """

    def __init__(
        self,
        config: Config,
        ids: TopicIds | None,
        tell: Callable[[str], None],
        renew: Callable[[], None],
        idle: Callable[[], None],
    ) -> None:
        self._group = str(config["group.id"])
        self._ids = ids if uses_new_protocol(config) else None
        self._tell, self._renew, self._idle = tell, renew, idle
        self._agreement = Agreement()
        self._question: Future[Any] | None = None
        self._asked_at = self._next_look = 0.0

    def look(self, consumer: Consumer) -> None:
        """Look, if it is time."""
        now = time.monotonic()
        if self._ids is None or now < self._next_look:
            return
        self._next_look = now + LOOK_EVERY_SECONDS
        view = self._heard(consumer.memberid())
        if self._question is None or now - self._asked_at >= ASK_AGAIN_SECONDS:
            self._question, self._asked_at = self._ids.ask_of_group(self._group), now
        held = {to_partition(of) for of in consumer.assignment()}
        if view is not None and not view.target and not held:
            self._idle()
        if missed := self._agreement.look(view, held, now):
            changed = names(sorted(missed))
            self._tell(f"group {self._group}: joins anew, because the client missed changes of {changed}")
            self._renew()

    def _heard(self, member_id: str | None) -> CoordinatorView | None:
        """What the coordinator said of this member to the last question; None if nothing."""
        question = self._question
        if question is None or not question.done():
            return None
        self._question = None
        try:
            members = question.result().members
        except KafkaException:
            return None
        ours = (member for member in members if member.member_id == member_id)
        return next((_view(member) for member in ours if member.target_assignment is not None), None)


def _view(member: Any) -> CoordinatorView:
    both = member.assignment, member.target_assignment
    return CoordinatorView(*({to_partition(of) for of in each.topic_partitions} for each in both))
