"""The health of a destination: alive, ready, and notes for readers of `/readyz`.

The rule: it looks now and then and answers from what it saw; no answer waits for a broker.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence

from worker.adapters.kafka import KafkaPublisher, KafkaUnavailable
from worker.adapters.kafka.config import Config
from worker.adapters.kafka.own_topics import describe
from worker.adapters.kafka.rights import RightsWatch
from worker.adapters.kafka.topic_ids import TopicIds
from worker.adapters.own_thread import in_own_thread
from worker.adapters.structlog_alone import structlog
from worker.core.start_offset import is_another
from worker.core.topics import NeededTopics, Severity, judge
from worker.ports import Clock, Observer, Source
from worker.runner import Runner
from worker.runner.state import outage_fields
from worker.settings import Settings

STUCK_SECONDS = 30.0
"""Seconds beyond a drain after which a poll thread that has not polled is stuck."""

LOOK_SOON_SECONDS, LOOK_SECONDS = 1.0, 2.0
"""Seconds between two looks at the topics: while one is missing, and once all exist."""

RIGHTS_SECONDS = 5.0
"""Seconds between two looks at the rights while none is lacking: to ask is dear, and a client that is refused
what it was allowed says so by itself."""

SETTINGS_SECONDS = 60.0
"""Seconds between two looks at the topics' settings, unless a topic is made anew."""


class Health:
    """For a destination with these settings and topics; `asking` configures clients that only ask."""

    def __init__(
        self,
        settings: Settings,
        needed: NeededTopics,
        asking: Config,
        rights: RightsWatch,
        observer: Observer,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._needed = needed
        self._asking = asking
        self._observer = observer
        self._clock = clock
        self._log = structlog.get_logger("worker")
        self._missing: list[str] = ["not looked at yet"]
        self._rights = rights
        self._topic_problems: list[str] = []
        self._topics_there = asyncio.Event()
        self._made_anew = asyncio.Event()
        self.refusals: dict[str, str] = {}
        """By group, why it is refused to this user; written by the sources."""

    def watch(
        self, runner: Runner, source: Source, publisher: KafkaPublisher, ids: TopicIds
    ) -> contextlib.ExitStack:
        """Begin to look; the caller closes the returned stack. A look that breaks ends the run."""
        self._runner, self._source = runner, source
        self._began = self._clock.monotonic()
        stack = contextlib.ExitStack()
        looks = (
            self._watch_topics(publisher),
            self._watch_rights(),
            self._watch_logs(ids),
            self._watch_the_topics_settings(),
        )
        for look in looks:
            task = asyncio.create_task(look)
            task.add_done_callback(self._watch_ended)
            stack.callback(task.cancel)
        return stack

    def not_alive(self) -> Iterable[str]:
        """Why this process should be restarted, one line each; empty while it is alive."""
        silent = self._clock.monotonic() - max(self._source.last_poll(), self._began)
        if silent > self._settings.drain_timeout + STUCK_SECONDS:
            yield f"the consumer has not polled for {silent:.0f} s"

    def not_ready(self) -> Iterable[str]:
        """Why this worker is not ready, one line each; empty if it is."""
        yield from self._missing
        yield from self._rights.lacking.values()
        yield from self._runner.reasons_not_ready()

    def notes(self) -> Mapping[str, object]:
        """What `/readyz` shows besides its answer, without changing it.

        Why the circuit is open, which partitions are silent, and what the topics' settings would lose.
        """
        now = self._runner.snapshot()
        notes: dict[str, object] = {} if now.outage is None else {"circuit": outage_fields(now.outage)}
        if now.silent:
            notes["silent"] = [str(silence) for silence in now.silent]
        if self._topic_problems:
            notes["topics"] = self._topic_problems
        return notes

    # --- looking -------------------------------------------------------------------------------

    def _watch_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._runner.fail(error)

    async def _watch_topics(self, publisher: KafkaPublisher) -> None:
        settings = self._settings
        tiers = [settings.tier_topic(tier) for tier in settings.tiers]
        journal = [settings.journal_topic] if settings.journal.enabled else []
        needed = [settings.kafka.topic, settings.dlq_topic, *tiers, *journal]
        while True:
            try:
                missing = await self._missing_topics(publisher, needed)
            except KafkaUnavailable as error:
                missing = [f"the broker does not answer: {error}"]
            for line in missing:
                if line not in self._missing:
                    self._observer.trouble(f"not ready: {line}")
            self._missing = missing
            if not missing:
                self._topics_there.set()
            await asyncio.sleep(LOOK_SOON_SECONDS if missing else LOOK_SECONDS)

    async def _missing_topics(self, publisher: KafkaPublisher, needed: Sequence[str]) -> list[str]:
        """A line for each missing topic; one that may not be described looks missing, but is not."""
        names = await publisher.missing_topics(needed)
        if names:
            await self._look_at_rights()
        hidden = {resource.name for resource in self._rights.lacking}
        return [f"topic {name} does not exist" for name in names if name not in hidden]

    async def _watch_rights(self) -> None:
        while True:
            await self._look_at_rights()
            await asyncio.sleep(LOOK_SECONDS if self._rights.lacking else RIGHTS_SECONDS)

    async def _look_at_rights(self) -> None:
        """Look at which rights are lacking, and report changes."""
        before = self._rights.lacking
        await self._rights.look(dict(self.refusals))
        for resource, line in self._rights.lacking.items():
            if before.get(resource) != line:
                self._observer.trouble(f"not ready: {line}")
        for resource in before.keys() - self._rights.lacking.keys():
            self._log.info("a right that was lacking is granted", of=str(resource))

    async def _watch_logs(self, ids: TopicIds) -> None:
        """Have the settings of a topic that was made anew looked at, and report it if only workers write it.

        Whoever takes up the records of the source and the tiers reports those.
        """
        settings, names = self._settings, self._needed.names
        taken_up = {settings.kafka.topic, *(settings.tier_topic(tier) for tier in settings.tiers)}
        before = ids.of(names, timeout=0.0)
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            logs = {name: ids.heard(name) for name in names}
            for name in names:
                if is_another(before[name], logs[name]):
                    self._made_anew.set()
                    if name not in taken_up:
                        self._observer.made_anew(name, 0, 0)
            before = logs

    async def _watch_the_topics_settings(self) -> None:
        """Once the topics exist, warn of settings that will lose or refuse records; of each once."""
        await self._topics_there.wait()
        while True:
            self._made_anew.clear()
            try:
                lines = await in_own_thread("kafka-topic-settings", self._wrong_topics, KafkaUnavailable)
            except KafkaUnavailable as error:  # what was wrong then counts on
                self._log.info("the topics' settings can't be read", error=str(error))
            else:
                self._tell_topic_problems(lines)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SETTINGS_SECONDS):
                    await self._made_anew.wait()

    def _tell_topic_problems(self, lines: list[str]) -> None:
        for line in lines:
            if line not in self._topic_problems:
                self._observer.trouble(line)
        self._topic_problems = lines
        self._observer.topics_judged(len(lines))

    def _wrong_topics(self) -> list[str]:
        """What is wrong with existing topics, in lines; missing ones are reported elsewhere.

        A source that is compacted counts, because it may lose what is not sent yet.
        """
        found, source = describe(self._asking, self._needed.names), self._needed.source
        compacted = {source} if source in found and found[source].compacted else set()
        return [
            one.line
            for one in judge(self._needed, found)
            if one.topic in found and (one.severity is Severity.WRONG or one.topic in compacted)
        ]
