"""Errors of the client that stand for unreadable records, and what is done at each.

The rule: that partition alone stops there, and is tried again after a while, because another replica may have
the record. Only a place that an operator named is skipped, with its whole batch, and that is reported.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import cast

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from worker.adapters.kafka.config import QUIET, Config
from worker.adapters.kafka.errors import is_unusable, one_line
from worker.adapters.kafka.pause_reasons import PausedPartitions
from worker.adapters.kafka.records import ReceivedMessage
from worker.core.place import Place
from worker.core.record import Partition
from worker.core.unreadable import StoppedPartition, first_after

LOOK_AGAIN_AFTER_SECONDS = 30.0
"""Seconds until a stopped partition is tried again."""

SKIP_AGAIN_AFTER_SECONDS = 3.0
"""Seconds until a skip is tried again if the broker was too slow to show where the batch ends."""

PROBE_TIMEOUT_SECONDS = 5.0
"""Seconds of silence that prove that an offset is part of the unreadable batch."""

SILENCE_SECONDS = 1.0
"""Seconds of silence after which an offset is first taken for a part of the batch."""

# librdkafka's codes are public, though these begin with an underscore.
_UNREADABLE = frozenset(
    {
        KafkaError._BAD_MSG,  # noqa: SLF001
        KafkaError._BAD_COMPRESSION,  # noqa: SLF001
        KafkaError._NOT_IMPLEMENTED,  # noqa: SLF001
        KafkaError._UNDERFLOW,  # noqa: SLF001
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_MSG_SIZE,
        KafkaError.MSG_SIZE_TOO_LARGE,
    }
)


class BatchEndUnknown(Exception):
    """The end of the unreadable batch could not be found."""


def is_unreadable(error: KafkaError) -> bool:
    """Whether an error stands for a record that exists but can't be read."""
    return error.code() in _UNREADABLE


def next_readable(config: Config, place: Place) -> int:
    """The offset at which reading can go on after the batch that begins at a place; raise BatchEndUnknown.

    Blocking; uses a client of its own, which joins no group and commits nothing.
    """
    own: Config = {"enable.partition.eof": True, **QUIET, "fetch.error.backoff.ms": 10}
    consumer = Consumer({**config, **own})
    try:
        beyond = first_after(place.offset, lambda offset: _is_part(consumer, place, offset, SILENCE_SECONDS))
        # A slow broker must neither cost a readable record nor make the batch seem shorter.
        ends_there = _is_part(consumer, place, beyond - 1, PROBE_TIMEOUT_SECONDS)
        if not ends_there or _is_part(consumer, place, beyond, PROBE_TIMEOUT_SECONDS):
            raise BatchEndUnknown("the broker is slow to answer")
    except KafkaException as error:
        raise BatchEndUnknown(one_line(error)) from error
    else:
        return beyond
    finally:
        consumer.close()


def _is_part(consumer: Consumer, place: Place, offset: int, patience: float) -> bool:
    """Whether an offset belongs to this very batch: it can't be read either, or the client stays silent."""
    message = _next(consumer, place, offset, patience)
    error = None if message is None else message.error()
    if message is None or error is None:
        return message is None
    return is_unreadable(error) and message.offset() == place.offset


def _next(
    consumer: Consumer, place: Place, offset: int, patience: float = PROBE_TIMEOUT_SECONDS
) -> ReceivedMessage | None:
    """What comes from an offset on: a record, the partition's end or an error; None for silence.

    After the batch's error the client reads on amid its bytes. What it says of an offset that it made of them
    may come as late as in the next probe: it is passed over.
    """
    consumer.assign([TopicPartition(place.at.topic, place.at.number, offset)])
    deadline = time.monotonic() + patience
    while (left := deadline - time.monotonic()) > 0:
        message = cast("ReceivedMessage | None", consumer.poll(left))
        if message is None or cast("str | None", message.topic()) is None or message.offset() < 0:
            continue  # what is of no topic, such as a group that is refused, has no offset
        error = message.error()
        if error is None or not is_unusable(error) or message.offset() == offset:
            return message
    return None


class StoppedPartitions:
    """Our stopped partitions; for the poll thread alone, except `stopped`."""

    def __init__(self, paused: PausedPartitions) -> None:
        self._paused = paused
        self._again: dict[Partition, tuple[Place, float]] = {}
        self.stopped: tuple[StoppedPartition, ...] = ()
        """All stops; replaced whole, so that any thread may read it."""

    def stop(self, stopped: StoppedPartition, again: float) -> bool:
        """Stop a partition until the time `again`; return whether that place is new."""
        is_news = all(stopped.place != known.place for known in self.stopped)
        self._paused.stop(stopped.place.at)
        self._again[stopped.place.at] = (stopped.place, again)
        self.stopped = (*(one for one in self.stopped if one.place.at != stopped.place.at), stopped)
        return is_news

    def due(self, now: float) -> list[Place]:
        """The places to try again; their partitions are not stopped any more, but stay in `stopped`."""
        places = [place for place, again in self._again.values() if again <= now]
        for place in places:
            del self._again[place.at]
        self._paused.go_on(place.at for place in places)
        return places

    def passed(self, partitions: Iterable[Partition]) -> None:
        """Forget partitions that were read further, or are no longer ours."""
        gone = set(partitions)
        for at in gone:
            self._again.pop(at, None)
        self._paused.go_on(gone)
        self.stopped = tuple(one for one in self.stopped if one.place.at not in gone)
