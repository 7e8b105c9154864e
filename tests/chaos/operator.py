"""What an operator does to topics and groups, and a power cut to logs: each deed written down, by partition.

The rules: nobody else writes to a log that is taken away, so what lay in it is known to the last record; a
broker that has only just started, and refuses for that, is asked again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from tests.chaos import history
from tests.chaos.evidence import dump
from tests.chaos.logs import INTERVENTIONS, Intervention, Log, deed
from tests.chaos.segments import cut
from tests.chaos.world import World
from tests.support.broker import Broker
from tests.support.kafka import (
    WITHIN,
    answered,
    committed,
    create_topics,
    delete_topics,
    end_offsets,
    wait_until,
)
from worker.adapters.kafka import KafkaUnavailable, admin_config
from worker.adapters.kafka.admin import grow
from worker.adapters.kafka.own_topics import describe

SETTLES = 0.3
"""Seconds after which what was under way when a topic took nothing more has been written or refused."""
CUT = 30
"""Records below the committed offset that a power cut takes, with all above them."""
REFUSE_ALL = 1
"""Bytes: a limit that no record is within."""


class Operator:
    """Works on the topics and groups of a world, one deed at a time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._log = Log(world.folder / INTERVENTIONS)
        self._admin = AdminClient({"bootstrap.servers": world.bootstrap, "log_level": 0})
        self._bursts = 0

    def grow(self, partitions: int) -> bool:
        """Give the source so many partitions; False where a broker that has just started does not answer."""
        topic, config = self._world.names.topic, admin_config(self._world.bootstrap, "chaos", {})
        try:
            if describe(config, [topic])[topic].partitions != partitions:
                grow(config, {topic: partitions})
        except KafkaUnavailable:
            return False
        return True

    def remake(self, topic: str) -> dict[int, int]:
        """Delete a topic and make it again, empty; return where each of its logs ended."""
        bootstrap, config = self._world.bootstrap, self._world.config_of(topic)
        with self._untouched(topic):
            dump(self._world.folder, bootstrap, topic, self._world.kinds[topic])
            ends, before = end_offsets(bootstrap, topic), time.monotonic()
            self._world.deeds.write(deed(history.REMADE, topic))
            answered(lambda: delete_topics(bootstrap, [topic]))
            wait_until(f"{topic} is made again", lambda: self._made(topic, len(ends), config))
            topic_id = self._topic_id(topic)
            self._note(history.REMADE, topic, dict.fromkeys(ends, 0), before, topic_id)
        return ends

    def fill(self, ends: dict[int, int], more: int) -> None:
        """Publish to each partition of the source until its log is longer than another was, by so many."""
        self._bursts += 1
        for partition, end in ends.items():
            names = [f"burst{self._bursts}-{partition}-{number}" for number in range(end + more)]
            self._world.publish(names, partition)

    def set_offsets(self, back: int) -> None:
        """Have the group of the source go on from `back` records before, as a tool does: without metadata."""
        topic, group = self._world.names.topic, self._world.names.group
        at, before = self._back(back), time.monotonic()
        wanted = [TopicPartition(topic, partition, offset) for partition, offset in at.items()]
        request = [ConsumerGroupTopicPartitions(group, wanted)]
        answered(lambda: _await(self._admin.alter_consumer_group_offsets(request).values()))
        self._note(history.SET, topic, at, before)

    def edit_offsets(self, back: int) -> None:
        """The same, as a script does that edits what `committed()` returned: with its metadata."""
        topic, group = self._world.names.topic, self._world.names.group
        before, known = time.monotonic(), committed(self._world.bootstrap, group, topic)
        at = self._back(back)
        wanted = [
            TopicPartition(topic, partition, offset, known[partition].metadata)
            for partition, offset in at.items()
        ]
        with Consumer({"bootstrap.servers": self._world.bootstrap, "group.id": group}) as consumer:
            answered(lambda: consumer.commit(offsets=wanted, asynchronous=False))
        self._note(history.EDITED, topic, at, before)

    def delete_offsets(self) -> None:
        """Delete the group of the source, as the broker does once its offsets have expired.

        What it had committed is what its memory must tell: it is written when a worker leaves in good order.
        """
        topic, group = self._world.names.topic, self._world.names.group
        at, before = self._back(0), time.monotonic()
        answered(lambda: _await(self._admin.delete_consumer_groups([group]).values()))
        self._note(history.DELETED, topic, at, before)

    def pass_by(self, topic: str, partition: int, keep: int) -> None:
        """Delete all but the last `keep` records of a partition, as its retention does."""
        before = time.monotonic()
        offset = max(0, end_offsets(self._world.bootstrap, topic)[partition] - keep)
        below = [TopicPartition(topic, partition, offset)]
        answered(lambda: _await(self._admin.delete_records(below).values()))
        self._note(history.PASSED, topic, {partition: offset}, before)

    def cut_logs(self, broker: Broker) -> None:
        """Kill the broker, and start it on logs of the source whose last records never reached the disk."""
        topic = self._world.names.topic
        with self._untouched(topic):
            floors, before = self._back(CUT), time.monotonic()
            self._world.deeds.write(deed("kill", "broker"))
            broker.kill()
            logs = broker.data / "log"
            cuts = {number: cut(logs / f"{topic}-{number}", floor) for number, floor in floors.items()}
            broker.start()
            self._world.deeds.write(deed("up", "broker"))
            for number, made in cuts.items():
                if made is not None:
                    self._note(history.TRUNCATED, topic, {number: made.end}, before, epoch=made.epoch)

    # --- parts ---------------------------------------------------------------------------------

    @contextmanager
    def _untouched(self, topic: str) -> Iterator[None]:
        """Have nobody write to a topic within: the shop pauses, and workers are refused."""
        if topic == self._world.names.topic:
            with self._world.nothing_published():
                yield
            return
        limit(self._admin, [topic], REFUSE_ALL)
        time.sleep(SETTLES)
        yield
        limit(self._admin, [topic], int(self._world.config_of(topic)["max.message.bytes"]))

    def _made(self, topic: str, partitions: int, config: dict[str, str]) -> bool:
        """Make a topic, unless the one before it is still being deleted."""
        try:
            create_topics(self._world.bootstrap, {topic: partitions}, config)
        except KafkaException:
            return False
        return True

    def _topic_id(self, topic: str) -> str:
        topics = TopicCollection([topic])
        described = answered(lambda: self._admin.describe_topics(topics)[topic].result(WITHIN))
        return str(described.topic_id)

    def _back(self, back: int) -> dict[int, int]:
        """Where each partition of the source is committed, and so many records before that."""
        at = committed(self._world.bootstrap, self._world.names.group, self._world.names.topic)
        return {partition: max(0, one.offset - back) for partition, one in at.items()}

    def _note(
        self,
        what: str,
        topic: str,
        offsets: dict[int, int],
        before: float,
        topic_id: str = "",
        epoch: int = -1,
    ) -> None:
        now = time.monotonic()
        for partition, offset in offsets.items():
            self._log.write(Intervention(what, topic, partition, offset, before, now, topic_id, epoch))


def limit(admin: AdminClient, topics: Sequence[str], size: int) -> None:
    """Have the broker refuse what is larger than `size` bytes on these topics."""
    entry = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
    wanted = [ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry]) for name in topics]
    answered(lambda: _await(admin.incremental_alter_configs(wanted).values()))
    wait_until("the limit is in force", lambda: set(_limits(admin, topics)) == {str(size)})


def _limits(admin: AdminClient, topics: Sequence[str]) -> Iterator[str | None]:
    asked = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name) for name in topics])
    for answer in asked.values():
        yield answer.result(WITHIN)["max.message.bytes"].value


def _await(answers: Iterable[object]) -> None:
    for answer in answers:
        answer.result(WITHIN)  # type: ignore[attr-defined]
