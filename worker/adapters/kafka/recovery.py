"""Goes on where the client can't: at unusable offsets and at unreadable records.

The rules: only the poll thread is here; it handles one partition at a time, while others flow.
`worker/core/start_offset.py` decides what follows an unusable offset, once the log is known to be still the
same. An unreadable place is skipped only if an operator named it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from typing import cast

from confluent_kafka import Consumer, KafkaError, TopicPartition

from worker.adapters.kafka.assignment import Assignment
from worker.adapters.kafka.config import Config
from worker.adapters.kafka.errors import KafkaUnavailable
from worker.adapters.kafka.loop_bridge import Epoch, LoopBridge
from worker.adapters.kafka.records import ReceivedMessage, to_partition
from worker.adapters.kafka.unreadable_records import (
    LOOK_AGAIN_AFTER_SECONDS,
    SKIP_AGAIN_AFTER_SECONDS,
    BatchEndUnknown,
    next_readable,
)
from worker.adapters.kafka.unusable_offsets import UnusableOffset, UnusableOffsets, parted_at
from worker.adapters.kafka.watermarks import ends_of
from worker.core.place import Place
from worker.core.record import Partition
from worker.core.start_offset import WatermarkOffsets, recover
from worker.core.unreadable import StoppedPartition

ENDS_TIMEOUT_SECONDS = 2.0
"""Seconds that the broker may take to say where the log of an unusable offset begins and ends."""


class Recovery:
    """For the assignment of one member; `skip` holds the places that may be passed over."""

    def __init__(
        self,
        assignment: Assignment,
        bridge: LoopBridge,
        config: Config,
        skip: Collection[Place],
        tell: Callable[[str], None],
    ) -> None:
        self._assignment = assignment
        self._bridge = bridge
        self._config = config
        self._skip = skip
        self._tell = tell
        self._unusable = UnusableOffsets()
        self._asked: dict[Partition, tuple[Epoch, int]] = {}

    def look(self, consumer: Consumer) -> None:
        """Go on with what is due."""
        now = time.monotonic()
        self._recover(consumer, self._unusable.due(now, self._assignment.waits))
        self._look_at_stops(consumer, now)

    # --- offsets that can't be used ------------------------------------------------------------

    def note_unusable(
        self, consumer: Consumer, at: Partition, message: ReceivedMessage, error: KafkaError
    ) -> None:
        """Note that the next offset of a partition can't be used.

        Our own position counts: after a rotten batch the client may have tried an offset made of its bytes.
        """
        tried = self._assignment.read_to(consumer, at)
        said = cast("int | None", message.offset())
        is_ours = said is None or said < 0 or said == tried  # for a truncated log it is not reported
        self._unusable.note(
            UnusableOffset(self._assignment.ours[at], tried, parted_at(error) if is_ours else None)
        )

    def _recover(self, consumer: Consumer, due: Collection[UnusableOffset]) -> None:
        """Go on with partitions of unusable offsets, unless their log was made anew."""
        if not due:
            return
        self._assignment.logs.ask([unusable.epoch.at for unusable in due])
        self._assignment.renew(consumer)
        for unusable in due:
            if self._assignment.has(unusable.epoch):
                self._go_on(consumer, unusable)

    def _go_on(self, consumer: Consumer, unusable: UnusableOffset) -> None:
        (at, _), tried, parted = unusable
        try:
            ends = ends_of(consumer, [at], ENDS_TIMEOUT_SECONDS)[at]
        except KafkaUnavailable as error:
            self._tell(f"{at}: offset {tried} can't be used, nor is it known where the log ends: {error}")
            self._unusable.note(unusable)
            return
        if parted is None and tried >= ends.low and self._asks(consumer, unusable, ends.high):
            return
        self._asked.pop(at, None)
        self._assignment.move(consumer, at, recover(tried, parted, WatermarkOffsets(ends.low, ends.high)))

    def _asks(self, consumer: Consumer, unusable: UnusableOffset, high: int) -> bool:
        """Have the client ask where the log diverged, once: the answer is another error, or records."""
        asked = unusable.epoch, unusable.tried
        if self._asked.get(unusable.epoch.at) == asked:
            return False
        self._asked[unusable.epoch.at] = asked
        return self._assignment.have_validated(consumer, unusable.epoch.at, unusable.tried, high)

    # --- records that can't be read ------------------------------------------------------------

    def stop_at(self, consumer: Consumer, unreadable: Iterable[StoppedPartition]) -> None:
        """Stop partitions, or pass over what is to be skipped."""
        for stopped in unreadable:
            if stopped.place in self._skip:
                self._pass_over(consumer, stopped)
            else:
                self._stop(stopped)

    def _stop(self, stopped: StoppedPartition, seconds: float = LOOK_AGAIN_AFTER_SECONDS) -> None:
        """Stop a partition, for so long at first."""
        if self._assignment.stops.stop(stopped, time.monotonic() + seconds):
            self._bridge.stopped(stopped)

    def _pass_over(self, consumer: Consumer, stopped: StoppedPartition) -> None:
        """Read on after an unreadable batch that an operator named to be skipped."""
        place = stopped.place
        try:
            beyond = next_readable(self._config, place)
        except BatchEndUnknown as error:
            not_skipped = StoppedPartition(place, f"{stopped.why}; it could not be skipped: {error}")
            self._stop(not_skipped, SKIP_AGAIN_AFTER_SECONDS)
            return
        self._assignment.read_from(consumer, [TopicPartition(place.at.topic, place.at.number, beyond)])
        self._assignment.stops.passed([place.at])
        self._bridge.passed_over(place, beyond)

    def _look_at_stops(self, consumer: Consumer, now: float) -> None:
        """Try unreadable places again, because another replica may have them."""
        for place in self._assignment.stops.due(now) if self._assignment.stops.stopped else ():
            starts = (of.offset for of in consumer.assignment() if to_partition(of) == place.at)
            start = max(place.offset, *starts)  # within a batch, where somebody committed there
            self._assignment.read_from(consumer, [TopicPartition(place.at.topic, place.at.number, start)])
