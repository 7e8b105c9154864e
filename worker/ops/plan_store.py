"""Reads and writes plans on the control topic.

The rule: a write is acknowledged before the call returns. A missing topic is created as by `topics create`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from typing import TYPE_CHECKING

from worker.ops.broker import answering, asking, partitions_by_topic
from worker.ops.errors import BrokerUnavailable, CannotDo
from worker.ops.hearing import Hearing
from worker.ops.partition_offsets import PartitionOffset
from worker.ops.plan_claims import Raw, prefix_of
from worker.ops.plans import Plan, read_plans
from worker.ops.reading import open_topic

if TYPE_CHECKING:
    from worker.settings import Settings

Stop = Callable[[], bool]


class PlanStore:
    """The plans of one `kind`; `hearing` is told of a silent broker."""

    def __init__(self, settings: Settings, kind: str, hearing: Hearing) -> None:
        self._settings = settings
        self._kind = kind
        self._hearing = hearing

    def make(self) -> None:
        """Create the topic if it is missing; raise BrokerUnavailable if that fails."""
        from worker.adapters.kafka.own_topics import create
        from worker.core.topics import OwnTopic

        with answering(self._settings):
            if self._settings.control_topic in partitions_by_topic(self._settings):
                return
            own = OwnTopic(self._settings.control_topic, control=True)
            create(asking(self._settings), self._settings.kafka.topic, [own])

    def records(self) -> list[Raw]:
        """All records of plans of this kind, in the topic's order; empty if the topic is missing."""
        topic = self._settings.control_topic
        prefix = f"{self._kind}/".encode()
        try:
            with open_topic(self._settings, topic, "") as reader:
                kept = reader.read(reader.spans(), keep=lambda key, _: (key or b"").startswith(prefix))
                return [(record.key, record.value) for record in kept]
        except BrokerUnavailable:
            raise
        except CannotDo:
            return []

    def plans(self) -> list[Plan]:
        """All plans, the oldest first; empty if the topic is missing."""
        return read_plans(self.records(), self._kind)

    def write(self, plan: Plan) -> None:
        """Write a plan, its head last; raise CannotDo if that is refused."""
        self.write_raw([*plan.parts(), plan.head()])

    def end(self, plan: Plan) -> None:
        """Write that a plan is done."""
        self.write_raw([plan._replace(is_done=True).head()])

    def settle(self, plan: Plan, sent: Set[PartitionOffset]) -> None:
        """Write that a plan is done with only what was sent of it; the rest does not count."""
        done = plan._replace(places=sent, total=len(sent), is_done=True)
        parts = list(done.parts())
        stale = {key for key, _ in plan.parts()} - {key for key, _ in parts}
        self.write_raw([*parts, *((key, None) for key in stale), done.head()])

    def forget(self, plan: Plan) -> None:
        """Remove a plan from the topic, with all claims of it."""
        claims = prefix_of(plan.key).encode()
        claimed = {key for key, value in self.records() if value and key and key.startswith(claims)}
        self.write_raw([(key, None) for key in [*claimed, *(key for key, _ in [plan.head(), *plan.parts()])]])

    def write_raw(self, records: Sequence[tuple[bytes, bytes | None]], stop: Stop = lambda: False) -> None:
        """Write records; return when they are acknowledged or `stop` returns True. Raises CannotDo."""
        from worker.adapters.kafka import producer_config
        from worker.adapters.kafka.bulk_publisher import BulkPublisher, PublishStopped, RecordName
        from worker.adapters.kafka.config import unique_client_id
        from worker.core.record import CONTROL_PARTITION
        from worker.ports import PublishRefused

        kafka, topic = self._settings.kafka, self._settings.control_topic
        config = producer_config(kafka.bootstrap_servers, unique_client_id(kafka.group_id), kafka.properties)
        # Duplicates are harmless as long as the order is kept, so none waits for a producer id.
        in_order = {"enable.idempotence": False, "max.in.flight.requests.per.connection": 1}
        with answering(self._settings):
            publisher = BulkPublisher(config | in_order, topic, stop=stop, on_waiting=self._hearing.waits)
            try:
                for number, (key, value) in enumerate(records):
                    publisher.send(RecordName("record ", number), key, value, (), CONTROL_PARTITION)
                publisher.settle()
            except PublishStopped:
                return
            except PublishRefused as refused:
                raise CannotDo([f"the plan could not be written to {topic}: {refused}"]) from refused
