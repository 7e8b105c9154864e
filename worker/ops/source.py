"""A publisher to the source topic.

The rule: nothing is published to a topic that does not exist, because the broker might create it.
"""

from __future__ import annotations

from collections.abc import Callable

from worker.adapters.kafka import producer_config
from worker.adapters.kafka.bulk_publisher import BulkPublisher
from worker.adapters.kafka.config import unique_client_id
from worker.adapters.kafka.message_limits import known_limits
from worker.ops.broker import answering, asking, partitions_by_topic
from worker.ops.errors import CannotDo
from worker.settings import Settings


def source_publisher(
    settings: Settings, stop: Callable[[], bool], on_waiting: Callable[[str], None]
) -> BulkPublisher:
    """Make a publisher; raise BrokerUnavailable, or CannotDo if the topic is missing.

    `stop` is asked while it waits for the broker; `on_waiting` hears why it waits.
    """
    kafka = settings.kafka
    sending = producer_config(kafka.bootstrap_servers, unique_client_id(kafka.group_id), kafka.properties)
    with answering(settings, or_refusing=False):
        if kafka.topic not in partitions_by_topic(settings):
            hint = "`postback-worker topics create --help` tells how to make it"
            raise CannotDo([f"topic {kafka.topic} does not exist"], hint)
        limit = known_limits(asking(settings), [kafka.topic]).get(kafka.topic)
        return BulkPublisher(sending, kafka.topic, limit=limit, stop=stop, on_waiting=on_waiting)
