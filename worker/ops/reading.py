"""A topic opened for a command that reads it.

The rule: no group is joined, and no offset moves. A topic that is missing, or only looks so to this user, is
one line that says which, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from worker.ops.broker import answering
from worker.ops.errors import CannotDo

if TYPE_CHECKING:
    from worker.adapters.kafka.config import Config
    from worker.adapters.kafka.topic_reader import TopicReader
    from worker.settings import Settings

DESTINATIONS_AT_A_TIME = 4
"""How many destinations' topics a command reads side by side."""

MAKE_TOPICS = "`postback-worker topics create` makes the topics of the worker"


def reading_config(settings: Settings) -> Config:
    """The settings of a client that reads."""
    from worker.adapters.kafka import consumer_config
    from worker.adapters.kafka.config import unique_client_id
    from worker.adapters.kafka.topic_reader import FASTER

    kafka = settings.kafka
    # Not the worker's group, but under its name: rights that are given by prefix cover it.
    group, client_id = f"{kafka.group_id}.reader", unique_client_id(kafka.group_id)
    made = consumer_config(kafka.bootstrap_servers, group, client_id, kafka.properties)
    return {**made, **FASTER}


@contextmanager
def opened(config: Config, topic: str, hint: str = MAKE_TOPICS) -> Iterator[TopicReader]:
    """Open a topic; raise CannotDo, with a hint, where it is missing."""
    from worker.adapters.kafka.topic_reader import NoSuchTopic, TopicReader

    try:
        with TopicReader(config, topic) as reader:
            yield reader
    except NoSuchTopic as error:
        raise CannotDo([f"topic {error} does not exist"], hint) from error


@contextmanager
def open_topic(
    settings: Settings, topic: str, hint: str = MAKE_TOPICS, *, ahead: Config | None = None
) -> Iterator[TopicReader]:
    """Open a topic, as `opened` does; raise BrokerUnavailable where the broker does not answer meanwhile.

    `ahead` bounds what is fetched ahead, where it need not be fast.
    """
    with answering(settings), opened({**reading_config(settings), **(ahead or {})}, topic, hint) as reader:
        yield reader
