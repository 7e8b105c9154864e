"""Where a destination has sent to last, as its journal tells. Blocking.

The rule: it reads the last steps of each partition, however long the journal is. An absent topic tells
nothing.
"""

from __future__ import annotations

from worker.adapters.kafka.config import Config
from worker.adapters.kafka.topic_reader import NoSuchTopic, TopicReader
from worker.core.step_bytes import URL_ORIGIN

LAST_STEPS = 20
"""Steps of each partition that are read: not every step is of a request."""


def last_origin(config: Config, journal: str) -> str | None:
    """The origin of the newest request that the end of a journal tells of. Raises KafkaUnavailable."""
    with TopicReader(config, journal) as reader:
        try:
            spans = reader.spans()
        except NoSuchTopic:
            return None
        records = reader.read({at: span.last(LAST_STEPS) for at, span in spans.items()})
        told = ((record.timestamp, URL_ORIGIN.search(record.value or b"")) for record in records)
        origins = [(at, found[1].decode(errors="replace")) for at, found in told if found is not None]
    return max(origins)[1] if origins else None
