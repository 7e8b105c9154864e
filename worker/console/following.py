"""The thread that follows a destination's topics for the console, from an hour back.

The rule: it joins no group, moves no offset, and reads for all viewers. A read error is shown in a line and
tried again; what was read stays known meanwhile. If a topic is recreated or its partitions change, all topics
are read anew from the beginning. Of a partition that has no leader nothing is asked until it has one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from threading import Event, Thread
from typing import TYPE_CHECKING

from worker.adapters.kafka.followed_partition import starts_of
from worker.console.index import DestinationIndex
from worker.console.watch import Trouble, failed, trouble_of
from worker.core.last_hour import minutes_of
from worker.core.record import Partition
from worker.ops.broker import answering
from worker.ops.errors import CannotDo
from worker.ops.reading import reading_config

if TYPE_CHECKING:
    from worker.adapters.kafka.group_state import GroupState
    from worker.adapters.kafka.live_reader import LiveReader
    from worker.adapters.kafka.topic_ids import TopicIds
    from worker.adapters.kafka.topic_reader import OffsetRange
    from worker.settings import Settings

LOOK_SECONDS = 2.0
"""Between two looks at the tiers' group offsets and at which dead letters are gone."""

TURN_SECONDS = 0.2
AGAIN_AFTER_SECONDS = 2.0
"""How long to wait after a read error."""

MINUTES_AT_A_TIME = 10
"""Minutes for which one look asks where the source topic stood."""

CLOSE_WITHIN_SECONDS = 2.0


class DestinationFollower:
    """Follows one destination; its thread calls `tell` after each change."""

    def __init__(self, settings: Settings, ids: TopicIds, most: int, tell: Callable[[], None]) -> None:
        self.index = DestinationIndex(settings, most)
        self.trouble: Trouble | None = None
        self._settings, self._ids, self._most, self._tell = settings, ids, most, tell
        self._closing = Event()
        self._is_old = False
        self._logs: dict[str, tuple[str | None, int | None] | None] = {}
        self._sought: frozenset[str] = frozenset()
        self._leaderless: frozenset[Partition] = frozenset()
        self._thread = Thread(target=self._run, name="console-following", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Have the thread end; does not wait."""
        self._closing.set()

    def renew(self, settings: Settings) -> None:
        """Continue with new clients that log in with these settings; what is known stays known."""
        self._settings, self._is_old = settings, True

    def join(self) -> None:
        """Wait for the thread, within bounds."""
        self._thread.join(CLOSE_WITHIN_SECONDS)

    # --- the thread ----------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                with answering(self._settings):
                    self._follow()
            except CannotDo as error:
                self._say(trouble_of(self._settings, error))
                self._closing.wait(AGAIN_AFTER_SECONDS)
            except Exception as error:
                self._say(failed(error))
                raise

    def _follow(self) -> None:
        """Read until closed, renewed, or a topic has changed; raise CannotDo on a read error."""
        from worker.adapters.kafka.group_state import GroupState
        from worker.adapters.kafka.live_reader import LiveReader

        self._is_old = False
        config, group = reading_config(self._settings), self._settings.retry_group
        with ExitStack() as opened:
            live = opened.enter_context(LiveReader(config))
            tiers = opened.enter_context(GroupState({**config, "group.id": group}))
            self._begin(live, tiers)
            looked_at = float("-inf")
            while not self._is_over():
                if time.monotonic() - looked_at >= LOOK_SECONDS:
                    self._look(live, tiers)
                    looked_at = time.monotonic()
                self.index.take(live.batch(TURN_SECONDS))
                self._tell()

    def _is_over(self) -> bool:
        return self._closing.is_set() or self._is_old or self._logs_now() != self._logs

    def _begin(self, live: LiveReader, tiers: GroupState) -> None:
        """Find where to begin or continue; forget everything known if a topic was recreated."""
        index = DestinationIndex(self._settings, self._most, tiers.topics())
        if index.tiers != self.index.tiers:
            self.index, self._logs = index, {}
        self._ids.of(self._topics)
        logs = self._logs_now()
        if logs != self._logs:
            self.index, self._logs = index, logs
            self.index.log = self._ids.heard(self._settings.dlq_topic).topic_id
        self._leaderless = self._now_leaderless(tiers)
        new = [at for at in self._led(live, self._topics) if at not in self.index.next]
        if new:
            spans, unread = self._spans(live, tiers, new)
            self.index.begin(spans, unread)
        self._sought = frozenset()
        self._read_from(live, {})

    def _spans(
        self, live: LiveReader, tiers: GroupState, new: Collection[Partition]
    ) -> tuple[dict[Partition, OffsetRange], int]:
        """The existing records to read: the journal's last hour, all orders, and undelivered rows."""
        settings = self._settings
        spans = live.spans(new)
        journal = [at for at in new if at.topic == settings.journal_topic]
        for at, start in live.since(journal, minutes_of(time.time())[0]).items():
            spans[at] = spans[at]._replace(start=start)
        standing = tiers.standing(self.index.tiers, self._leaderless)
        for at, one in standing.items():
            if at in spans:
                spans[at] = spans[at]._replace(start=one.next)
        rows = [at for at in new if at.topic == settings.dlq_topic or at in standing]
        if not rows:
            return spans, 0
        starts, ends = (dict(enumerate(offsets)) for offsets in zip(*(spans[at] for at in rows), strict=True))
        firsts, unread = starts_of(starts, ends, self._most)
        return {**spans, **{at: spans[at]._replace(start=firsts[n]) for n, at in enumerate(rows)}}, unread

    def _read_from(self, live: LiveReader, source: Mapping[int, int]) -> None:
        """Continue all topics, and the source from these offsets on."""
        name = self._settings.kafka.topic
        live.follow({**self.index.next, **{Partition(name, at): offset for at, offset in source.items()}})

    def _look(self, live: LiveReader, tiers: GroupState) -> None:
        """Update what the tiers have ended, which dead letters are gone, the counts and the replays."""
        if self._now_leaderless(tiers) != self._leaderless:
            self._begin(live, tiers)
        letters = [at for at in self.index.next if at.topic == self._settings.dlq_topic]
        standing = tiers.standing(self.index.tiers, self._leaderless)
        self.index.stand(standing, live.spans([at for at in letters if at not in self._leaderless]))
        source = self._led(live, [self._settings.kafka.topic])
        if self._settings.kafka.topic not in {at.topic for at in self._leaderless}:  # a sum would lack some
            self._look_at_source(live, source)
        if self.index.sought != self._sought:
            self._sought = self.index.sought
            there = {at.number for at in source}
            self._read_from(live, {at: offset for at, offset in self.index.seek().items() if at in there})
        self._say(None)

    def _look_at_source(self, live: LiveReader, source: Collection[Partition]) -> None:
        now, published = time.time(), self.index.published
        for first in published.unknown(now)[:MINUTES_AT_A_TIME]:
            if self._is_over():
                return  # each minute takes the broker several answers
            published.know(first, sum(live.since(source, first).values()))
        published.end(now, sum(span.end for span in live.spans(source).values()))

    def _now_leaderless(self, tiers: GroupState) -> frozenset[Partition]:
        return frozenset(tiers.leaderless([*self._topics, self._settings.kafka.topic], self._leaderless))

    def _led(self, live: LiveReader, topics: Collection[str]) -> list[Partition]:
        """The partitions of these topics that have a leader."""
        return [at for at in live.partitions(topics) if at not in self._leaderless]

    def _say(self, trouble: Trouble | None) -> None:
        self.trouble = trouble
        self._tell()

    @property
    def _topics(self) -> list[str]:
        settings = self._settings
        journal = [settings.journal_topic] if settings.journal.enabled else []
        return [settings.control_topic, settings.dlq_topic, *self.index.tiers, *journal]

    def _logs_now(self) -> dict[str, tuple[str | None, int | None] | None]:
        """Each topic's id and number of partitions; the last known if the broker does not say."""
        ids = self._ids
        now = {topic: (ids.heard(topic).topic_id, ids.partitions(topic)) for topic in self._topics}
        return {topic: self._logs.get(topic) if of[1] is None else of for topic, of in now.items()}
