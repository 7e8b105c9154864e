"""What a run stands on: a real broker, topics with a backlog, and sinks, each in a process of its own.

The rule: a contender finds the same backlog each time: its group is forgotten after each round.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from tests.bench.job import make_event
from tests.support.kafka import Write, create_topics, produce, wait_until
from worker.core.record import Headers
from worker.settings import Kafka, Settings

Stamps = Mapping[int, float]
"""When each event first arrived, by number, on the monotonic clock."""


class Sink(NamedTuple):
    """Where a sink is, and the environment in which its certificate is trusted."""

    base: str
    environment: Mapping[str, str]


@contextlib.contextmanager
def sink(latency: float = 0.0, *, tls: bool = False) -> Iterator[Sink]:
    """A partner that takes `latency` seconds for each answer."""
    with tempfile.TemporaryDirectory() as folder:
        authority = Path(folder) / "authority.pem"
        command = [sys.executable, "-m", "tests.bench.sink", "--latency", str(latency)]
        if tls:
            command += ["--tls", str(authority)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                port = int(process.stdout.readline())
                if tls:
                    yield Sink(f"https://localhost:{port}", {**os.environ, "SSL_CERT_FILE": str(authority)})
                else:
                    yield Sink(f"http://127.0.0.1:{port}", os.environ)
            finally:
                process.kill()


@contextlib.contextmanager
def stamping_sink() -> Iterator[tuple[Sink, Callable[[], Stamps]]]:
    """A sink, and what ends it and says when each event first arrived."""
    line = [sys.executable, "-m", "tests.bench.sink", "--stamp"]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def ask() -> Stamps:
            said, _ = process.communicate(timeout=60)
            return {int(number): at for number, at in json.loads(said).items()}

        try:
            assert process.stdout is not None
            yield Sink(f"http://127.0.0.1:{int(process.stdout.readline())}", os.environ), ask
        finally:
            process.kill()


class Backlog(NamedTuple):
    """A topic that holds conversions."""

    bootstrap: str
    topic: str
    partitions: int

    @classmethod
    def make(cls, bootstrap: str, partitions: int, count: int, headers: Headers = ()) -> Backlog:
        """Make the topic, with `count` conversions spread over its partitions, each with these headers."""
        made = cls(bootstrap, f"bench-{partitions}-{count}-{time.time_ns()}", partitions)
        create_topics(bootstrap, {made.topic: partitions})
        now = time.time()
        events = (
            Write(make_event(number, now), headers=tuple(headers), partition=number % partitions)
            for number in range(count)
        )
        produce(bootstrap, made.topic, events)
        return made

    def group(self, name: str) -> str:
        """Name the group of a contender."""
        return f"{self.topic}.{name}"

    def make_tiers(self, group: str) -> None:
        """Make the worker's delay tiers and dead-letter topic: it reads them beside its source."""
        settings = Settings(kafka=Kafka(topic=self.topic, group_id=group))
        tiers = (settings.tier_topic(tier) for tier in settings.tiers)
        topics = [settings.dlq_topic, settings.journal_topic, settings.control_topic, *tiers]
        create_topics(self.bootstrap, dict.fromkeys(topics, self.partitions), exist_ok=True)

    def forget(self, group: str) -> None:
        """Have the group and that of its tiers begin anew; members have left, or are about to be given up."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

        def gone(name: str) -> bool:
            try:
                admin.delete_consumer_groups([name])[name].result(10)
            except KafkaException as error:
                return bool(error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND)
            return True

        settings = Settings(kafka=Kafka(group_id=group))
        for name in (group, settings.retry_group):
            wait_until(f"{name} is forgotten", partial(gone, name))
        # What would say that all is done is made anew for the next round: by the worker itself, or here.
        there = admin.list_topics(timeout=10).topics.keys()
        for memory in there & {settings.control_topic, settings.journal_topic}:
            admin.delete_topics([memory])[memory].result(10)
            wait_until(f"{memory} is gone", partial(self._is_gone, admin, memory))
        if settings.journal_topic in there:
            create_topics(self.bootstrap, {settings.journal_topic: self.partitions})

    @staticmethod
    def _is_gone(admin: AdminClient, topic: str) -> bool:
        return topic not in admin.list_topics(timeout=10).topics
