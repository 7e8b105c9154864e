"""What is known of a destination, accumulated from the records of its topics.

The rule: each record is taken once, in partition order; each answer is consistent. It does no I/O and keeps
no record.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from threading import Lock
from typing import TYPE_CHECKING

from schemas import StepKind
from worker.console.replay_progress import Replays
from worker.console.watch import LoadProgress
from worker.core.last_hour import LastHour, Minute, PublishedByMinute
from worker.core.order_book import OrderBook
from worker.core.step_glance import glance
from worker.core.undelivered import Undelivered
from worker.core.undelivered_reader import identity_of, read_letter, read_retry
from worker.core.worker_report import WorkerReport, is_report
from worker.core.worker_report import read as read_report
from worker.ops.looking import FollowedTopics
from worker.ops.sent_letters import replayed
from worker.settings.tiers import every_tier

if TYPE_CHECKING:
    from worker.adapters.kafka.group_state import PartitionStanding
    from worker.adapters.kafka.live_reader import Batch
    from worker.adapters.kafka.topic_reader import OffsetRange
    from worker.core.record import Partition, Record
    from worker.settings import Settings


class DestinationIndex:
    """Holds at most `most` undelivered rows. Another thread must hold `lock` to ask."""

    def __init__(self, settings: Settings, most: int, there: Collection[str] = ()) -> None:
        """Take the topics that are `there`, among which may be tiers that the settings no longer have."""
        self.lock = Lock()
        self.hour, self.published = LastHour(), PublishedByMinute()
        self.undelivered = Undelivered(most)
        self.replays = Replays()
        self.unread = 0
        """The number of older dead letters and retries that were not read at the beginning."""
        self.next: dict[Partition, int] = {}
        """The next offset to read of each partition."""
        self.log: str | None = None
        """The topic id of the dead-letter topic."""
        self._begun: dict[Partition, OffsetRange] = {}
        self._settings = settings
        self._orders, self._reports = OrderBook(), dict[bytes | None, WorkerReport | None]()
        self._is_whole = False
        self._takers = {
            settings.journal_topic: self._step,
            settings.dlq_topic: self._letter,
            settings.control_topic: self._control,
            settings.kafka.topic: self._of_source,
        }
        self._delays = {topic: tier.seconds for topic, tier in every_tier(settings, there).items()}

    @property
    def tiers(self) -> Collection[str]:
        """The topics of the tiers."""
        return self._delays

    def begin(self, spans: Mapping[Partition, OffsetRange], unread: int) -> None:
        """Take the spans of existing records to be read, and the number left out."""
        with self.lock:
            self._begun.update(spans)
            self.next.update({at: span.start for at, span in spans.items()})
            self.unread += unread

    def take(self, batch: Batch) -> None:
        """Take a batch of records."""
        with self.lock:
            for record in batch.records:
                taker = self._takers.get(record.at.topic)
                if taker is not None:
                    taker(record)
                elif record.at.topic in self._delays:
                    told = read_retry(record, self._delays[record.at.topic])
                    self.undelivered.take(record.at, record.offset, told)
            for at, offset in batch.reached.items():
                if at in self.next:
                    self.next[at] = max(offset, self.next[at])
            if not self._is_whole and self.is_read(self._undelivered_topics):
                self._is_whole = True
                self.undelivered.read_whole()

    def stand(
        self, standing: Mapping[Partition, PartitionStanding], letters: Mapping[Partition, OffsetRange]
    ) -> None:
        """Take the tiers' group offsets, and the dead letters that still exist."""
        with self.lock:
            for at, one in standing.items():
                self.undelivered.finish(at, one.next, one.finished)
            for at, span in letters.items():
                self.undelivered.expire(at, span.start)
            for part, offsets in self.replays.gone(self.log):
                letters_at = self._letters_at(part.partition)
                self.undelivered.replayed(letters_at, offsets)
                if not offsets or offsets[-1] < self.next.get(letters_at, 0):
                    self.replays.applied(part)

    @property
    def sought(self) -> frozenset[str]:
        """The replays to look for in the source topic, once all dead letters are known."""
        return self.replays.begun if self._is_whole else frozenset()

    def seek(self) -> Mapping[int, int]:
        """Start looking for them anew; return the source offsets to read from, by partition number."""
        with self.lock:
            return self.replays.count(self._identities)

    def question(self, replay_id: str) -> str | None:
        """The question of an unfinished replay; None if there is none of this id."""
        with self.lock:
            return self.replays.question(replay_id)

    def is_read(self, topics: Collection[str]) -> bool:
        """Whether everything that these topics held at the beginning is read."""
        begun = self._begun.items()
        return all(self.next[at] >= span.end for at, span in begun if at.topic in topics)

    def progress(self) -> LoadProgress:
        """The progress of reading what the topics held at the beginning."""
        if not self._begun:
            return LoadProgress()
        of = sum(span.length for span in self._begun.values())
        left = sum(max(0, span.end - max(span.start, self.next[at])) for at, span in self._begun.items())
        return LoadProgress(of - left, of)

    def minutes(self, now: float) -> list[Minute]:
        """The last hour, by the minute."""
        return self.hour.minutes(now, self.published.by_minute())

    def followed(self, now: float, seconds: float) -> FollowedTopics | None:
        """What a status need not ask Kafka for; None until all of it is read."""
        with self.lock:
            topics = {self._settings.journal_topic, self._settings.control_topic}
            if not topics <= {at.topic for at in self._begun} or not self.is_read(topics):
                return None
            reports = [report for report in self._reports.values() if report is not None]
            orders = self._orders
            return FollowedTopics(
                self.hour.latest(now, seconds), orders.standing(now), sorted(orders.unreadable), reports
            )

    # --- each record ---------------------------------------------------------------------------------

    def _step(self, record: Record) -> None:
        glimpse = glance(record.value)
        if glimpse is None:
            return
        self.hour.take(glimpse, record.timestamp or time.time())
        if glimpse.kind is StepKind.DELIVERED and record.key is not None:
            self.undelivered.delivered(identity_of(record.key))

    def _letter(self, record: Record) -> None:
        self.undelivered.take(record.at, record.offset, read_letter(record))

    def _control(self, record: Record) -> None:
        if self.replays.take(record.key, record.value, time.time()):
            return
        self._orders.take(record.key, record.value)
        if is_report(record.key):
            self._reports[record.key] = read_report(record.key, record.value)

    def _of_source(self, record: Record) -> None:
        found = replayed(record, self._settings.destination.name)
        if found is not None:
            event_id, replays = found
            identity = identity_of(event_id.encode())
            self.undelivered.replayed_as(identity, replays)
            self.replays.sent(identity)

    @property
    def _undelivered_topics(self) -> set[str]:
        return {self._settings.dlq_topic, *self._delays}

    def _letters_at(self, number: int) -> Partition:
        from worker.core.record import Partition

        return Partition(self._settings.dlq_topic, number)

    def _identities(self, number: int, offsets: Iterable[int]) -> Iterable[int | None]:
        return self.undelivered.identities(self._letters_at(number), offsets)
