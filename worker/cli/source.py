"""The source topic, for the commands that publish to it.

The rule: nothing is published to a topic that does not exist, for the broker might make it.
"""

from __future__ import annotations

from worker.adapters.kafka import KafkaUnavailable, producer_config
from worker.adapters.kafka.bulk import BulkPublisher
from worker.adapters.kafka.config import unique_client_id
from worker.cli.broker import partitions_by_topic
from worker.cli.common import fail
from worker.settings import Settings


def source_publisher(settings: Settings) -> BulkPublisher:
    """Make a publisher; end with exit 1 where the broker does not answer or the topic is missing."""
    kafka = settings.kafka
    config = producer_config(kafka.bootstrap_servers, unique_client_id(kafka.group_id), kafka.properties)
    try:
        if kafka.topic not in partitions_by_topic(settings):
            fail(
                f"topic {kafka.topic} does not exist",
                "`postback-worker topics create --help` tells how to make it",
            )
        return BulkPublisher(config, kafka.topic)
    except KafkaUnavailable as error:
        fail(f"{kafka.bootstrap_servers} does not answer: {error}", "is the broker running?")
