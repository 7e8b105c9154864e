"""Makes Kafka ready to start in half the time: Java's own cache of its classes, written as a broker ends.

The rule: it is a cache. It is put in place whole, and where it can't be made brokers start without it.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

from tests.support.broker import Broker, BrokerFailed
from tests.support.java import class_path, locked, quick_start_cache
from tests.support.kafka import create_topics, produce, read_all

WRITTEN_WITHIN = 180.0  # seconds, after the broker's own end; it takes 4 on an idle machine


def prepare() -> None:
    """Have Kafka's jars here, and that cache; raises BrokerUnavailable where there can be no broker."""
    class_path()
    cache = quick_start_cache()
    if cache.is_file():
        return
    with locked(cache.with_suffix(".lock")), suppress(BrokerFailed):
        if not cache.is_file():
            _make(cache)


def _make(cache: Path) -> None:
    """Have a broker do what all of them do; Java writes down what classes that took when it ends."""
    with tempfile.TemporaryDirectory(dir=cache.parent) as folder:
        made = Path(folder) / "made"
        broker = Broker(Path(folder) / "broker", java_flags=[f"-XX:AOTCacheOutput={made}"])
        with broker:
            create_topics(broker.bootstrap, {"watched": 2})
            produce(broker.bootstrap, "watched", [b"one", b"two"])
            read_all(broker.bootstrap, "watched")
            broker.stop(WRITTEN_WITHIN)
        if made.is_file():
            made.rename(cache)
