"""Kafka, through confluent-kafka: the only place that knows librdkafka and its errors.

The rule: each client has one thread that owns it; the event loop never waits inside a client call.
"""

from worker.adapters.kafka.config import admin_config, consumer_config, producer_config
from worker.adapters.kafka.errors import KafkaUnavailable
from worker.adapters.kafka.paired_source import PairedSource
from worker.adapters.kafka.producer import KafkaPublisher
from worker.adapters.kafka.source import KafkaSource
from worker.adapters.kafka.topic_ids import TopicIds

__all__ = [
    "KafkaPublisher",
    "KafkaSource",
    "KafkaUnavailable",
    "PairedSource",
    "TopicIds",
    "admin_config",
    "consumer_config",
    "producer_config",
]
