"""Reads partitions of a destination's journal live, without a group: the steps that other workers wrote.

The rules: its own thread makes every call of its client. A partition counts as read once it is read up to its
end at the time of asking, and as unreadable if for STALE_SECONDS the broker has not shown that nothing is
missing. This worker's own steps are skipped. A cache of it is reported first.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, KafkaError, KafkaException

from worker.adapters.kafka.cached_positions import Reach, cached, starts
from worker.adapters.kafka.errors import END_OF_PARTITION
from worker.adapters.kafka.followed_partitions import FollowedPartitions
from worker.adapters.kafka.journal_client import BATCH_MESSAGES, JournalClient
from worker.adapters.kafka.offsets_for_times import LATEST
from worker.adapters.kafka.records import ReceivedMessage
from worker.adapters.kafka.topic_ids import TopicIds
from worker.adapters.process.spare_memory import SpareMemory
from worker.core.binding import LogId
from worker.core.ids_cache import JournalPosition, JournalPositions, NotBelieved
from worker.core.remembered_ids import StepMark
from worker.core.start_offset import is_another
from worker.core.step_marks import mark_of
from worker.ports import Cache, FollowerListener

LOOK_SECONDS = 1.0
"""How often the broker is asked where partitions end."""

STALE_SECONDS = 5.0
"""Seconds without proof that nothing is missing before a partition counts as unreadable."""

COUNT_SECONDS = 30.0
"""How often the broker is asked how many partitions the journal has."""

CLOSE_TIMEOUT_SECONDS = 5.0

BATCHES_AHEAD = 4
"""Most batches on their way to the loop; the thread waits before it sends more, so none pile up."""

LIVE_SECONDS, WARMING_SECONDS = 0.2, 0.05
"""Seconds of waiting for more: once all is read, and before."""


class JournalFollower:
    """A Follower with this client; `worker` is this worker's name in its steps."""

    def __init__(
        self, client: JournalClient, worker: str, reach: Reach, ids: TopicIds, cache: Cache | None = None
    ) -> None:
        self._client = client
        self._own = f',"worker":"{worker}"}}'.encode()
        self._reach = reach
        self._ids = ids
        self._cache = cache
        self._log: LogId | None = None  # None before the first question
        self._lock = threading.Lock()
        self._room = threading.Semaphore(BATCHES_AHEAD)
        self._wake = threading.Event()
        self._closing = False
        self._wanted: frozenset[int] | None = None  # what to follow, if that has changed
        self._new: dict[int, int] = {}
        self._asked: list[asyncio.Future[JournalPositions]] = []
        self._waiting: list[asyncio.Future[JournalPositions]] = []  # those that wait for the present reading
        self._turns: dict[int, int] = {}
        self._followed = FollowedPartitions()
        self._cached: Mapping[int, JournalPosition] = {}
        self._counted_at = self._looked_at = float("-inf")
        self._thread: threading.Thread | None = None
        self._spare = SpareMemory()
        self.steps_read = 0

    def start(self, listener: FollowerListener) -> None:
        """Start the thread; it reads nothing before `follow`."""
        self._loop, self._listener = asyncio.get_running_loop(), listener
        self._thread = threading.Thread(target=self._run, name="kafka-journal", daemon=True)
        self._thread.start()

    def follow(self, numbers: Collection[int], new: Collection[int], turn: int) -> None:
        """Read these from now on, and no others; tell when the `new` ones are read to their ends."""
        with self._lock:
            self._wanted = frozenset(numbers)
            self._new.update(dict.fromkeys(new, turn))
        self._wake.set()

    async def positions(self) -> JournalPositions:
        """Read up to the journal's present end, and return up to where it is read then."""
        asked: asyncio.Future[JournalPositions] = asyncio.get_running_loop().create_future()
        with self._lock:
            self._asked.append(asked)
        self._wake.set()
        return await asked

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
            self._client.open()
            try:
                while not self._closing:
                    self._turn()
            finally:
                self._client.close()
        except BaseException as error:  # nothing may end the thread unheard
            self._post(self._listener.on_failed, error)

    def _turn(self) -> None:
        self._client.look_after(self._followed.nexts)
        if self._take_orders() or time.monotonic() - self._looked_at >= LOOK_SECONDS:
            self._look()
        is_live = not self._waiting and self._followed.is_told
        came = self._read(0.0 if is_live else WARMING_SECONDS) if self._followed.all else 0
        if came < BATCH_MESSAGES and is_live:
            self._spare.look(self.steps_read)
            self._wake.wait(LIVE_SECONDS)

    def _take_orders(self) -> bool:
        self._wake.clear()
        with self._lock:
            wanted, self._wanted = self._wanted, None
            new, self._new = self._new, {}
            asked, self._asked = self._asked, []
        for one in self._followed.all.values() if asked else ():
            one.ask_anew()
        self._waiting += asked
        if wanted is None:
            return bool(asked)
        self._turns = {number: turn for number, turn in {**self._turns, **new}.items() if number in wanted}
        for one in self._followed.all.values():
            one.ask_anew(new)
        self._counted_at = float("-inf")
        return True

    def _look(self) -> None:
        """Ask where the partitions end, and begin with new ones."""
        self._looked_at = now = time.monotonic()
        try:
            self._look_at_log()
            if now - self._counted_at >= COUNT_SECONDS:
                self._assign()
            ends = self._client.offsets(self._followed.all, LATEST)
        except KafkaException as error:
            self._tell_unread(self._client.refused(error), now)
            return
        for number, end in ends.items():
            self._followed.all[number].look(end, now)
        self._tell_unread(self._why_unread(), now)
        self._tell_read()

    def _why_unread(self) -> str:
        """Why a partition is not read up to its end, though the broker answers."""
        untold = self._client.untold()
        if untold is not None:
            return self._client.refused(untold)
        self._client.answered()
        return "no steps come"

    def _look_at_log(self) -> None:
        """Take the cache first; begin anew if the journal was deleted and made again."""
        topic = self._client.topic
        if self._log is None and self._turns:
            log = self._ids.of([topic])[topic]
            self._take_cache(log)
            self._log = log
        elif self._log is not None:
            before, self._log = self._log, self._ids.heard(topic)
            if is_another(before, self._log):
                self._cached, self._followed = {}, FollowedPartitions()
                self._counted_at = float("-inf")

    def _take_cache(self, log: LogId) -> None:
        """Report what is cached to the listener, once, before anything else."""
        cache, self._cache = self._cache, None
        try:
            found = None if cache is None else cached(cache, self._client, log)
        except NotBelieved as error:
            self._post(self._listener.on_not_cached, str(error))
            return
        except KafkaException:
            self._cache = cache  # it is asked again
            raise
        if found is not None:
            self._cached = found.positions.of
            self._post(self._listener.on_cached, found.kept)

    def _assign(self) -> None:
        """Follow what is wanted now, from where it was left, or as far back as ids are remembered."""
        before, count = self._followed.all, self._client.partitions()
        skipped = self._followed.share_out(self._turns, count, self._starts, time.monotonic())
        if skipped:
            self._post(self._listener.on_skipped, skipped)
        if self._followed.all != before:
            self._client.assign(self._followed.nexts)
        if count and not self._followed.unknown:
            self._counted_at = time.monotonic()

    def _starts(self, numbers: Collection[int]) -> tuple[dict[int, JournalPosition], int]:
        return starts(self._client, numbers, self._reach, self._cached)

    def _read(self, seconds: float) -> int:
        """Take the messages that come, waiting so long for the first; return how many."""
        marks: list[StepMark] = []
        last: dict[int, ReceivedMessage] = {}
        messages, own = self._client.messages(seconds), self._own
        for message in messages:
            value = message.value()
            if value is None or not value.endswith(own):  # most steps are our own
                error = message.error()
                if error is not None:
                    self._came(last)
                    self._note(message, error)
                    continue
                if (mark := self._mark(message, value)) is not None:
                    marks.append(mark)
            last[message.partition()] = message
            self.steps_read += 1
        self._came(last)
        if marks:
            self._hand_over(marks)
        self._tell_read()
        return len(messages)

    def _came(self, last: dict[int, ReceivedMessage]) -> None:
        """Note how far partitions are read, by the last message of each; empties `last`."""
        for number, message in last.items():
            if (one := self._followed.all.get(number)) is not None:
                one.next, one.last = message.offset() + 1, message
        last.clear()

    def _note(self, message: ReceivedMessage, error: KafkaError) -> None:
        """Note where a partition ends, or what is wrong with it."""
        one = self._followed.all.get(message.partition())
        if one is not None and error.code() == END_OF_PARTITION:
            one.next = message.offset()
        elif one is not None:
            self._client.hear(message)

    def _mark(self, message: ReceivedMessage, value: bytes | None) -> StepMark | None:
        (kind, milliseconds), now = message.timestamp(), time.time()
        at = now if kind == TIMESTAMP_NOT_AVAILABLE else min(now, milliseconds / 1000)  # clocks differ
        mark = mark_of(message.key(), value, at)
        is_ours = mark is not None and self._followed.is_asked_for(message.partition(), mark.partition)
        return mark if is_ours else None

    # --- telling -------------------------------------------------------------------------------

    def _tell_read(self) -> None:
        for number, turn in self._followed.tell().items():
            self._post(self._listener.on_read, number, turn)
        if self._followed.is_too_many:
            self._counted_at = float("-inf")
        if self._waiting and self._followed.is_read:
            waiting, self._waiting = self._waiting, []
            positions = JournalPositions(self._log or LogId(), self._followed.positions)
            self._post(_answer, waiting, positions)

    def _tell_unread(self, why: str, now: float) -> None:
        followed = self._followed.all.values()
        stale = self._followed.stale(now, STALE_SECONDS)
        asked = self._turns.keys() - {number for one in followed for number in one.turns}
        if stale or asked:
            self._post(self._listener.on_unread, [*stale, *asked], f"its journal can't be read: {why}")

    def _hand_over(self, marks: list[StepMark]) -> None:
        """Give marks to the loop; wait if it is BATCHES_AHEAD behind."""
        while not self._room.acquire(timeout=LOOK_SECONDS):
            if self._closing:
                return
        self._post(self._take, marks)

    def _take(self, marks: list[StepMark]) -> None:
        self._room.release()
        self._listener.on_marks(marks)

    def _post(self, call: Callable[..., None], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(call, *arguments)


def _answer(waiting: Iterable[asyncio.Future[JournalPositions]], positions: JournalPositions) -> None:
    for one in waiting:
        if not one.done():
            one.set_result(positions)
