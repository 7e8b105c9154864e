"""Reads what a group remembers of its offsets. Blocking; for the poll thread, at an assignment.

The rule: a failure to read is not taken for "nothing remembered". An absent topic holds nothing.
"""

from __future__ import annotations

from worker.adapters.kafka.config import Config
from worker.adapters.kafka.topic_reader import NoSuchTopic, TopicReader
from worker.core.record import Partition
from worker.core.remembered_offsets import recall
from worker.core.start_offset import RememberedOffset


def read_memory(config: Config, topic: str) -> dict[Partition, RememberedOffset]:
    """What the group remembers of each partition, from its control topic. Raises KafkaUnavailable."""
    found: dict[Partition, RememberedOffset] = {}
    with TopicReader(config, topic) as reader:
        try:
            spans = reader.spans()
        except NoSuchTopic:
            return found
        for record in reader.read(spans):
            recalled = recall(record.key, record.value)
            if recalled is not None:
                at, memory = recalled
                found[at] = memory
    return found
