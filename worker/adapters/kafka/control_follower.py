"""Follows the control topics (standing orders) of all destinations, with one client and one thread.

The rules: it joins no group and commits nothing. A topic that does not exist holds no orders, and is looked
for until it exists; one that can't be read may hold some. What was read stays known while the broker is away.
A question waits behind the fetch under way, so all is asked about all topics before the first one is fetched.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self, cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from worker.adapters.kafka.config import QUIET, Config
from worker.adapters.kafka.error_causes import ErrorCauses
from worker.adapters.kafka.errors import END_OF_PARTITION, made_from_settings, one_line
from worker.adapters.kafka.hearing import ClientHearing
from worker.adapters.kafka.records import ReceivedMessage
from worker.adapters.kafka.topic_ids import TopicIds
from worker.core.binding import LogId
from worker.ports import NOT_READ_YET, ControlListener, ControlNews, ControlRecord

LOOK_SECONDS = 1.0
"""Seconds between two looks for topics that are not read yet or were made anew."""

ASK_TIMEOUT_SECONDS = 3.0
"""Seconds that the broker may take to describe a topic."""

CLOSE_TIMEOUT_SECONDS = 1.0
"""Seconds that closing waits for the thread; one that waits for a broker is left behind."""

_TURN_SECONDS = 0.2
_BATCH_RECORDS = 500
# librdkafka's codes are public, though these begin with an underscore.
_ABSENT = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC})  # noqa: SLF001


class _Followed:
    """A topic, its listener, and how far it is read."""

    def __init__(self, topic: str, listener: ControlListener) -> None:
        self.topic = topic
        self.listener = listener
        self.log = LogId()
        self.reading: set[int] = set()
        """The partitions being read; empty while none is."""
        self.ends: dict[int, int] = {}
        """The last offset, as of the start of reading, of partitions that are not read that far yet."""
        self.told_last: tuple[str | None, bool] | None = None
        """What was told last: why it can't be read, and whether it is absent."""
        self.begins_anew = False


class KafkaControl:
    """A Control; a context manager, made on the event loop. `config` is made by `consumer_config`.

    If its thread dies, `on_failed` hears of it on the loop: from then on no order would be heard.
    """

    def __init__(self, config: Config, ids: TopicIds, on_failed: Callable[[BaseException], None]) -> None:
        self._config, self._causes, self._hearing = config, ErrorCauses(), ClientHearing(config)
        self._on_failed = on_failed
        with made_from_settings():
            self._consumer = self._client()
        self._ids = ids
        self._loop = asyncio.get_running_loop()
        self._followed: dict[str, _Followed] = {}
        self._added: dict[str, _Followed] = {}
        self._wake = threading.Event()
        self._closed = self._is_old = False
        self._user: tuple[str, str] | None = None
        self._looked_at = float("-inf")
        self._thread = threading.Thread(target=self._run, name="kafka-control", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._closed = True
        self._wake.set()
        self._thread.join(CLOSE_TIMEOUT_SECONDS)

    def follow(self, topic: str, listener: ControlListener) -> None:
        """Tell this listener about a topic from now on."""
        if not self._added:  # the others of this turn of the loop are looked for together with it
            self._loop.call_soon(self._take_up)
        self._added[topic] = _Followed(topic, listener)

    def relogin(self, username: str, password: str) -> None:
        """Log in as this user from now on."""
        self._user = username, password

    def renew(self) -> None:
        """Go on with another client, which reads each topic from its start."""
        self._is_old = True

    def _take_up(self) -> None:
        self._followed, self._added = {**self._followed, **self._added}, {}
        self._looked_at = float("-inf")
        self._wake.set()

    # --- the thread ----------------------------------------------------------------------------

    def _client(self) -> Consumer:
        # A long fetch wait costs no latency: new records still come at once. Other clients report a broker
        # that can't be reached.
        own: Config = {"enable.partition.eof": True, **QUIET, "fetch.wait.max.ms": 500}
        settings: dict[str, Any] = {**self._config, **own, "error_cb": self._causes.hear}
        return Consumer(settings)

    def _take_another(self) -> None:
        try:
            fresh = self._client()
        except (KafkaException, ValueError, TypeError):
            return  # its files are just being replaced: the next turn tries again
        self._is_old = False
        old, self._consumer = self._consumer, fresh
        for one in self._followed.values():
            one.reading = set()
        self._looked_at = float("-inf")
        old.close()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # nothing may end the thread unheard
            if not self._closed:
                self._loop.call_soon_threadsafe(self._on_failed, error)

    def _work(self) -> None:
        while not self._closed:
            if self._is_old or self._is_deaf():
                self._take_another()
            if self._user is not None:
                user, self._user = self._user, None
                self._consumer.set_sasl_credentials(*user)
            if time.monotonic() - self._looked_at >= LOOK_SECONDS:
                self._looked_at = time.monotonic()
                self._look()
            if any(one.reading for one in self._followed.values()):
                self._read()
            else:
                self._wake.wait(_TURN_SECONDS)
                self._wake.clear()
        self._consumer.close()

    def _is_deaf(self) -> bool:
        return self._hearing.is_deaf(self._consumer, next(iter(self._followed), None))

    def _look(self) -> None:
        """Begin to read topics that are not read yet, and again those that were made anew."""
        followed = self._followed.values()
        wanted = [one for one in followed if not one.reading or self._ids.heard(one.topic) != one.log]
        if not wanted:
            return
        for one in wanted:
            self._leave(one)
        logs = self._ids.of([one.topic for one in wanted])
        begun: list[TopicPartition] = []
        for one in wanted:
            if self._closed:
                return  # each question may block while the broker is away
            begun += self._begin(one, logs[one.topic])
        if begun:
            self._consumer.incremental_assign(begun)

    def _begin(self, one: _Followed, log: LogId) -> Sequence[TopicPartition]:
        """What to read of a topic, from where; nothing, once told why, if it can't be read."""
        try:
            found = self._consumer.list_topics(one.topic, timeout=ASK_TIMEOUT_SECONDS).topics[one.topic]
        except KafkaException as error:
            self._unread(one, self._causes.line(error))
            return ()
        self._causes.forget()
        if found.error is not None and found.error.code() in _ABSENT:
            self._tell(one, ControlNews(anew=True), is_absent=True)
        elif found.error is not None or not found.partitions:
            self._unread(one, "it has no leader" if found.error is None else one_line(found.error))
        else:
            return self._begin_to_read(one, log, sorted(found.partitions))
        return ()

    def _begin_to_read(self, one: _Followed, log: LogId, numbers: Sequence[int]) -> Sequence[TopicPartition]:
        partitions = [TopicPartition(one.topic, number, OFFSET_BEGINNING) for number in numbers]
        try:
            ends = {
                at.partition: self._consumer.get_watermark_offsets(at, ASK_TIMEOUT_SECONDS)
                for at in partitions
            }
        except KafkaException as error:
            self._unread(one, self._causes.line(error))
            return ()
        one.ends = {number: high - 1 for number, (low, high) in ends.items() if low < high}
        one.log, one.reading, one.begins_anew = log, {*numbers}, True
        self._tell_read(one, [])
        return partitions

    def _leave(self, one: _Followed) -> None:
        if one.reading:
            self._consumer.incremental_unassign(
                [TopicPartition(one.topic, number) for number in sorted(one.reading)]
            )
            one.reading = set()

    def _read(self) -> None:
        """Read what is there within a turn, and tell the listeners."""
        first = self._consumer.poll(_TURN_SECONDS)
        if first is None:
            return
        self._hearing.heard(time.monotonic())
        batch = cast("list[ReceivedMessage]", [first, *self._consumer.consume(_BATCH_RECORDS, 0)])
        for topic in {message.topic() for message in batch}:
            one = self._followed.get(topic)
            if one is not None and one.reading:
                self._take(one, [message for message in batch if message.topic() == topic])

    def _take(self, one: _Followed, batch: Iterable[ReceivedMessage]) -> None:
        records: list[ControlRecord] = []
        for message in batch:
            error = message.error()
            if error is None:
                records.append((message.key(), message.value()))
                if message.offset() >= one.ends.get(message.partition(), message.offset() + 1):
                    del one.ends[message.partition()]
            elif error.code() == END_OF_PARTITION:
                one.ends.pop(message.partition(), None)
            else:
                self._leave(one)  # it is looked for anew, and read from its start
                if error.code() not in _ABSENT:
                    self._unread(one, one_line(error))
                return
        self._tell_read(one, records)

    def _tell_read(self, one: _Followed, records: list[ControlRecord]) -> None:
        """Tell of records; until all that was there at the start is read, the topic counts as unread."""
        news = ControlNews(records, NOT_READ_YET if one.ends else None, one.begins_anew)
        one.begins_anew = False
        self._tell(one, news)

    def _unread(self, one: _Followed, why: str) -> None:
        self._tell(one, ControlNews(unread=f"the standing orders of {one.topic} can't be read: {why}"))

    def _tell(self, one: _Followed, news: ControlNews, *, is_absent: bool = False) -> None:
        """Tell the listener, unless that would repeat what it was told last."""
        before, one.told_last = one.told_last, (news.unread, is_absent)
        if before == one.told_last and not news.records and (is_absent or not news.anew):
            return
        if not self._closed:
            self._loop.call_soon_threadsafe(partial(one.listener.on_control, news))
