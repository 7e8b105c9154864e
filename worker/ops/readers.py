"""Topics opened to be read by a command.

The rule: reading joins no group and moves no offsets.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from worker.ops.broker import answering
from worker.ops.errors import CannotDo

if TYPE_CHECKING:
    from worker.adapters.kafka.topic_reader import TopicReader
    from worker.settings import Settings

MAKES_IT = "`postback-worker topics create` makes it"


@contextmanager
def open_topic(settings: Settings, topic: str, hint: str = MAKES_IT) -> Iterator[TopicReader]:
    """Open a topic to read, in no group.

    Raises CannotDo, with a hint, where it is missing, and BrokerUnavailable.
    """
    from worker.adapters.kafka import consumer_config
    from worker.adapters.kafka.config import unique_client_id
    from worker.adapters.kafka.topic_reader import FASTER, NoSuchTopic, TopicReader

    kafka = settings.kafka
    # Not the worker's group, but under its name: rights that are given by prefix cover it.
    group, client_id = f"{kafka.group_id}.reader", unique_client_id(kafka.group_id)
    config = consumer_config(kafka.bootstrap_servers, group, client_id, kafka.properties)
    try:
        with answering(settings), TopicReader({**config, **FASTER}, topic) as reader:
            yield reader
    except NoSuchTopic as error:
        raise CannotDo([f"topic {error} does not exist"], hint) from error
