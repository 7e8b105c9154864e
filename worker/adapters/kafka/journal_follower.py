"""Reads partitions of a destination's journal live, without a group: what others wrote of the conversions.

The rules: its own thread makes every call of its client. A partition is read once all that was there when it
was asked for is, and can't be read once the broker has not shown for STALE_SECONDS that nothing is missing.
What this worker wrote itself it knows, and passes over after a look at the last bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, cast

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, KafkaError, KafkaException, TopicPartition

from worker.adapters.kafka.config import Config
from worker.adapters.kafka.error_causes import Causes
from worker.adapters.kafka.errors import one_line
from worker.adapters.kafka.followed import Followed, starts_of
from worker.adapters.kafka.records import Got
from worker.adapters.kafka.topic_descriptions import existing_topics
from worker.core.remembered_ids import Mark
from worker.core.step_marks import mark_of
from worker.ports import FollowerListener

LOOK_SECONDS = 1.0
"""How often the broker is asked where partitions end."""

STALE_SECONDS = 5.0
"""Seconds for which it may stay unshown that nothing is missing, before a partition can't be read."""

RENEW_AFTER_SECONDS = 10.0
"""Seconds of looks in vain before another client is taken: what one believes of leaders can stay wrong."""

COUNT_SECONDS = 30.0
"""How often it is asked how many partitions the journal has."""

ASK_TIMEOUT_SECONDS = 3.0
CLOSE_TIMEOUT_SECONDS = 5.0

BATCH_MESSAGES = 500
"""So many messages are taken together: for a moment the interpreter's lock is held for them."""

BATCHES_AHEAD = 4
"""So many may be on their way to the loop: for more it is waited, so that they do not pile up."""

LIVE_SECONDS, WARMING_SECONDS = 0.2, 0.05
"""How long it waits for more: once all is read, and while it is not."""

FEW_AND_LARGE: Config = {
    # Each answer of the broker costs more than the steps in it.
    "fetch.min.bytes": 65_536,
    "fetch.wait.max.ms": 200,
    "fetch.message.max.bytes": 524_288,
    "queued.min.messages": 5_000,
    "queued.max.messages.kbytes": 4_096,
}
_LATEST = -1
_END_OF_PARTITION = KafkaError._PARTITION_EOF  # noqa: SLF001 - public, whatever its first letter says


class JournalFollower:
    """A Follower of `topic`; `config` is what `consumer_config` made, `worker` who writes steps here.

    At most `most` steps of the last `window` seconds are read of what was there before.
    """

    def __init__(self, config: Config, topic: str, worker: str, *, most: int, window: float) -> None:
        self._config = config
        self._topic = topic
        self._own = f',"worker":"{worker}"}}'.encode()
        self._most, self._window = most, window
        self._lock = threading.Lock()
        self._room = threading.Semaphore(BATCHES_AHEAD)
        self._wake = threading.Event()
        self._closing = False
        self._wanted: frozenset[int] | None = None  # what is to be followed, where that is news
        self._new: dict[int, int] = {}
        self._turns: dict[int, int] = {}
        self._followed: dict[int, Followed] = {}
        self._former: dict[int, int] = {}
        self._count = 0
        self._counted_at = self._looked_at = float("-inf")
        self._well_at = time.monotonic()
        self._causes = Causes()
        self._thread: threading.Thread | None = None
        self._is_old = False
        self._user: tuple[str, str] | None = None

    def start(self, listener: FollowerListener) -> None:
        """Begin; nothing is read before it is asked for."""
        self._loop, self._listener = asyncio.get_running_loop(), listener
        self._thread = threading.Thread(target=self._run, name="kafka-journal", daemon=True)
        self._thread.start()

    def follow(self, numbers: Collection[int], new: Collection[int], turn: int) -> None:
        """Read these from now on, and no others; tell of the `new` once they are read to their ends."""
        with self._lock:
            self._wanted = frozenset(numbers)
            self._new.update(dict.fromkeys(new, turn))
        self._wake.set()

    def relogin(self, username: str, password: str) -> None:
        """Log in as this user from now on."""
        self._user = username, password
        self._wake.set()

    def renew(self) -> None:
        """Go on with another client, from where this one is."""
        self._is_old = True
        self._wake.set()

    async def stop(self) -> None:
        """Read no more; idempotent, within bounds."""
        self._closing = True
        self._wake.set()
        if self._thread is not None:
            thread, self._thread = self._thread, None
            await asyncio.to_thread(thread.join, CLOSE_TIMEOUT_SECONDS)

    # --- the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._consumer = self._client()
            try:
                while not self._closing:
                    self._turn()
            finally:
                self._consumer.close()
        except BaseException as error:  # nothing may end the thread unheard
            self._post(self._listener.on_failed, error)

    def _client(self) -> Consumer:
        own: Config = {"enable.partition.eof": True, "log_level": 0, "auto.offset.reset": "earliest"}
        settings: dict[str, Any] = {**self._config, **FEW_AND_LARGE, **own, "error_cb": self._causes.hear}
        settings.pop("group.instance.id", None)
        return Consumer(settings)

    def _log_in(self) -> None:
        """Have the client log in with what is new, or take another."""
        user, self._user = self._user, None
        if user is not None:
            self._consumer.set_sasl_credentials(*user)
        if not self._is_old:
            return
        try:
            fresh = self._client()
        except (KafkaException, ValueError, TypeError):
            return  # its files are just being replaced: the next turn tries again
        self._is_old = False
        old, self._consumer = self._consumer, fresh
        fresh.assign([TopicPartition(self._topic, at, one.next) for at, one in self._followed.items()])
        old.close()

    def _turn(self) -> None:
        self._log_in()
        is_news = self._take_orders()
        if is_news or time.monotonic() - self._looked_at >= LOOK_SECONDS:
            self._look()
        if self._followed:
            self._read()
        if all(one.is_told for one in self._followed.values()):
            self._wake.wait(LIVE_SECONDS)

    def _take_orders(self) -> bool:
        self._wake.clear()
        with self._lock:
            wanted, self._wanted = self._wanted, None
            new, self._new = self._new, {}
        if wanted is None:
            return False
        self._turns = {number: turn for number, turn in {**self._turns, **new}.items() if number in wanted}
        for one in self._followed.values():
            one.ask_anew(new)
        self._counted_at = float("-inf")
        return True

    def _look(self) -> None:
        """See where the partitions end, and begin with those that are new."""
        self._looked_at = now = time.monotonic()
        try:
            if now - self._counted_at >= COUNT_SECONDS:
                self._assign()
            ends = self._offsets(self._followed, _LATEST)
        except KafkaException as error:
            self._consumer.poll(0)  # hears why
            if now - self._well_at >= RENEW_AFTER_SECONDS:
                self._is_old, self._well_at = True, now
            self._tell_unread(self._causes.line(error) or one_line(error), now)
            return
        self._causes.forget()
        self._well_at = now
        for number, one in self._followed.items():
            one.look(ends[number], now)
        self._tell_unread("no steps come", now)
        self._tell_read()

    def _assign(self) -> None:
        """Follow what is wanted by now, from where it was left, or from as far back as is remembered."""
        topics = existing_topics(self._consumer.list_topics(timeout=ASK_TIMEOUT_SECONDS).topics)
        found = topics.get(self._topic)
        self._count = 0 if found is None else len(found.partitions)
        wanted: dict[int, dict[int, int]] = {}
        for number, turn in self._turns.items():
            wanted.setdefault(number % self._count if self._count else number, {})[number] = turn
        self._former.update({number: one.next for number, one in self._followed.items()})
        if wanted.keys() != self._followed.keys():
            starts = self._starts([number for number in wanted if number not in self._former])
            self._former.update(starts)
            self._consumer.assign([TopicPartition(self._topic, at, self._former[at]) for at in wanted])
        before, self._followed = self._followed, {}
        for number, turns in wanted.items():
            one = before.get(number) or Followed(self._former[number], time.monotonic())
            one.turns = turns
            self._followed[number] = one
        if self._count:
            self._counted_at = time.monotonic()

    def _starts(self, numbers: Collection[int]) -> Mapping[int, int]:
        """Where to begin with these: no further back than is remembered."""
        oldest = self._offsets(numbers, max(0, int((time.time() - self._window) * 1000)))
        starts, skipped = starts_of(oldest, self._offsets(numbers, _LATEST), self._most)
        if skipped:
            self._post(self._listener.on_skipped, skipped)
        return starts

    def _offsets(self, numbers: Collection[int], which: int) -> dict[int, int]:
        if not numbers:
            return {}
        asked = [TopicPartition(self._topic, number, which) for number in numbers]
        answers = self._consumer.offsets_for_times(asked, timeout=ASK_TIMEOUT_SECONDS)
        for answer in answers:
            if answer.error is not None:
                raise KafkaException(answer.error)
        return {answer.partition: answer.offset for answer in answers}

    def _read(self) -> None:
        marks: list[Mark] = []
        for message in self._messages():
            one = self._followed.get(message.partition())
            if one is None:
                continue
            error = message.error()
            if error is None:
                one.next = message.offset() + 1
                if (mark := self._mark(message)) is not None:
                    marks.append(mark)
            elif error.code() == _END_OF_PARTITION:
                one.next = message.offset()
            else:
                self._causes.hear(error)
        if marks:
            self._hand_over(marks)
        self._tell_read()

    def _messages(self) -> Iterator[Got]:
        first = self._consumer.poll(WARMING_SECONDS)
        if first is not None:
            yield cast("Got", first)
            yield from cast("list[Got]", self._consumer.consume(BATCH_MESSAGES, 0))

    def _mark(self, message: Got) -> Mark | None:
        value = message.value()
        if value is None or value.endswith(self._own):
            return None
        kind, milliseconds = message.timestamp()
        at = time.time() if kind == TIMESTAMP_NOT_AVAILABLE else milliseconds / 1000
        return mark_of(message.key(), value, at)

    # --- telling -------------------------------------------------------------------------------

    def _tell_read(self) -> None:
        for one in self._followed.values():
            for number, turn in one.tell():
                self._post(self._listener.on_read, number, turn)

    def _tell_unread(self, why: str, now: float) -> None:
        numbers = [number for one in self._followed.values() for number in one.stale(now, STALE_SECONDS)]
        asked = self._turns.keys() - {number for one in self._followed.values() for number in one.turns}
        if numbers or asked:
            self._post(self._listener.on_unread, [*numbers, *asked], f"its journal can't be read: {why}")

    def _hand_over(self, marks: list[Mark]) -> None:
        """Give marks to the loop, and wait for it where it is that far behind."""
        while not self._room.acquire(timeout=LOOK_SECONDS):
            if self._closing:
                return
        self._post(self._take, marks)

    def _take(self, marks: list[Mark]) -> None:
        self._room.release()
        self._listener.on_marks(marks)

    def _post(self, call: Callable[..., None], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(call, *arguments)
