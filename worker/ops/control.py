"""The plans on the control topic: read, and written.

The rule: what is written is acknowledged before a call returns. The topic is made where it is missing, as
`topics create` makes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from worker.ops.broker import answering, asking, partitions_by_topic
from worker.ops.errors import BrokerUnavailable, CannotDo
from worker.ops.plans import Place, Plan, read_plans
from worker.ops.reading import open_topic

if TYPE_CHECKING:
    from worker.settings import Settings


class Control:
    """The plans of one `kind` on the control topic of `settings`; `on_waiting` hears of a silent broker."""

    def __init__(self, settings: Settings, kind: str, on_waiting: Callable[[str], None]) -> None:
        self._settings = settings
        self._kind = kind
        self._on_waiting = on_waiting

    def make(self) -> None:
        """Make the topic where it is missing; raise BrokerUnavailable where that can't be done."""
        from worker.adapters.kafka.own_topics import create
        from worker.core.topics import Own

        with answering(self._settings):
            if self._settings.control_topic in partitions_by_topic(self._settings):
                return
            own = Own(self._settings.control_topic, control=True)
            create(asking(self._settings), self._settings.kafka.topic, [own])

    def plans(self) -> list[Plan]:
        """All that there are, the oldest first; none where the topic is missing."""
        topic = self._settings.control_topic
        prefix = f"{self._kind}/".encode()
        try:
            with open_topic(self._settings, topic, "") as reader:
                kept = reader.read(reader.spans(), keep=lambda key, _: (key or b"").startswith(prefix))
                return read_plans(((record.key, record.value) for record in kept), self._kind)
        except BrokerUnavailable:
            raise
        except CannotDo:
            return []

    def write(self, plan: Plan) -> None:
        """Write a plan, its head last; raise CannotDo where that is refused."""
        self._publish([*plan.parts(), plan.head()])

    def end(self, plan: Plan) -> None:
        """Write that a plan is done."""
        self._publish([plan._replace(is_done=True).head()])

    def settle(self, plan: Plan, sent: frozenset[Place]) -> None:
        """Write that a plan is done with no more than what was sent of it: nothing else of it counts."""
        done = plan._replace(places=sent, total=len(sent), is_done=True)
        parts = list(done.parts())
        stale = {key for key, _ in plan.parts()} - {key for key, _ in parts}
        self._publish([*parts, *((key, None) for key in stale), done.head()])

    def forget(self, plan: Plan) -> None:
        """Remove a plan from the topic."""
        self._publish([(key, None) for key, _ in [plan.head(), *plan.parts()]])

    def _publish(self, records: list[tuple[bytes, Any]]) -> None:
        from worker.adapters.kafka import producer_config
        from worker.adapters.kafka.bulk_publisher import BulkPublisher
        from worker.adapters.kafka.bulk_publisher import Place as Named
        from worker.adapters.kafka.config import unique_client_id
        from worker.ports import PublishRefused

        kafka, topic = self._settings.kafka, self._settings.control_topic
        config = producer_config(kafka.bootstrap_servers, unique_client_id(kafka.group_id), kafka.properties)
        with answering(self._settings):
            publisher = BulkPublisher(config, topic, on_waiting=self._on_waiting)
            try:
                for number, (key, value) in enumerate(records):
                    publisher.send(Named("record ", number), key, value)
                publisher.settle()
            except PublishRefused as refused:
                raise CannotDo([f"the plan could not be written to {topic}: {refused}"]) from refused
