"""The thread that owns the consumer: a member of the group, from joining to leaving.

The rule: only this thread calls the client. Orders come in through a queue, events go out to the loop in the
order of Kafka. A partition is worked on only while it is ours and what is committed of it is known.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from worker.adapters.kafka.assigning import reassign
from worker.adapters.kafka.bound_logs import BoundLogs
from worker.adapters.kafka.commits import Commits, Wanted
from worker.adapters.kafka.config import Config, is_incremental
from worker.adapters.kafka.errors import LimitedLog, Troubles, is_about_topic, is_deadly, one_line, remedy
from worker.adapters.kafka.outlet import Epoch, Outlet, names
from worker.adapters.kafka.pauses import Pauses
from worker.adapters.kafka.records import Got, to_partition, to_record
from worker.adapters.kafka.shelf import Shelf
from worker.adapters.kafka.topic_ids import TopicIds
from worker.adapters.kafka.unreadable import Stops, Unprobed, is_unreadable, next_readable
from worker.adapters.kafka.watermarks import Watermarks, low_of
from worker.core.binding import LogId
from worker.core.record import Partition, Record
from worker.core.unreadable import Place, Stopped
from worker.ports import Assigned, CommitFailed, Positions, SourceFailed

TURN = 0.05
"""Seconds that the thread waits at most, for records or for orders, before it looks for the other."""

ROOM_TURN = 0.005
"""Seconds of such a wait while records lie here for want of room in their partition: an order makes it."""

BATCH = 500
"""Most records read in one turn."""

COMMITTED_TRIES = 4
COMMITTED_TIMEOUT = 8.0
"""Seconds that each try may take to read what the group has committed."""

REVOKE_TIMEOUT = 5.0
"""Seconds in which the client revokes what is ours when leaving; the drain itself does not count."""


class Member:
    """Run it in a thread of its own; `order` is the only method for other threads."""

    def __init__(
        self,
        config: Config,
        topics: Sequence[str],
        outlet: Outlet,
        logger: logging.Logger,
        ids: TopicIds | None = None,
        skip: Collection[Place] = (),
    ) -> None:
        self.last_poll = time.monotonic()
        self.watermarks = Watermarks()
        self._config = config
        self._topics = list(topics)
        self._outlet = outlet
        self._logger = logger
        self._logs = BoundLogs(ids)
        self._skip = skip
        self.stops = Stops()
        self._incremental = is_incremental(config)
        self._orders: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._leaving = False
        self._deadly: KafkaError | None = None
        self._troubles = Troubles()
        self._shelf = Shelf()
        self._ours: dict[Partition, Epoch] = {}
        self._epoch = 0
        self._names: dict[tuple[str, int], Partition] = {}  # what is ours, as a message names it
        self._unread: dict[Partition, int] = {}  # committed offsets of partitions without a record so far
        self._pauses = Pauses()
        self._commits = Commits(self._ours, outlet)
        self._consumer: Consumer

    # --- orders: put in by the loop, carried out by the thread ---------------------------------

    def order(self, order: Callable[[], None]) -> None:
        """Have the thread do something, within about TURN."""
        self._orders.put(order)

    def ask(self, count: int) -> None:
        """Owe `count` more records."""
        self._shelf.ask(count)

    def allow(self, epoch: Epoch, count: int) -> None:
        """Give a partition room for `count` more, if this assignment of it still stands."""
        if self._ours.get(epoch.at) == epoch:
            self._shelf.allow(epoch.at, count)

    def hold(self, epoch: Epoch) -> None:
        """Keep a partition back, if this assignment of it still stands."""
        if self._ours.get(epoch.at) == epoch:
            self._shelf.hold(epoch.at)
            self._pauses.stale = True

    def release(self, epoch: Epoch) -> None:
        """Take a hold back, if this assignment still stands."""
        if self._ours.get(epoch.at) == epoch:
            self._shelf.release(epoch.at)
            self._pauses.stale = True

    def commit(self, wanted: Wanted, answer: asyncio.Future[Positions]) -> None:
        """Commit what is still ours of `wanted`."""
        self._commits.commit(self._consumer, wanted, answer)

    def leave(self) -> None:
        """End after this turn."""
        self._leaving = True

    # --- the thread ----------------------------------------------------------------------------

    def join(self) -> None:
        """Make the client and ask for the topics; raise SourceFailed where the settings are no good."""
        settings: dict[str, Any] = {**self._config, "error_cb": self._on_error, "on_commit": self._on_commit}
        try:
            self._consumer = Consumer(settings, logger=LimitedLog(self._logger))
            self._consumer.subscribe(
                self._topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )
        except (KafkaException, ValueError, TypeError) as error:
            raise SourceFailed(one_line(error)) from error

    def work(self) -> None:
        """Take turns until told to leave; raise what ends the source before that."""
        while not self._leaving:
            self._obey()
            self._look_at_logs()
            self._look_at_stops()
            self._hand_over(self._shelf.take())
            self._set_pauses()
            self._read()
            self.watermarks.refresh(self._consumer, self._ours, self.last_poll)

    def close(self) -> None:
        """Leave the group; what is ours is revoked first.

        By unsubscribing, not within `close`: a client that closes does not answer what `commit_last` asks.
        """
        deadline = time.monotonic() + REVOKE_TIMEOUT
        try:
            self._consumer.unsubscribe()
            while self._ours and time.monotonic() < deadline:
                self._consumer.poll(TURN)  # makes the callback; records that still come are dropped
        finally:
            self._consumer.close()

    def _obey(self) -> None:
        """Carry out the orders; where no record may be handed over, wait for one rather than for Kafka."""
        wait = ROOM_TURN if self._shelf.waits_for_room else 0 if self._shelf.demand else TURN
        try:
            order = self._orders.get(block=wait > 0, timeout=wait)
            while True:
                order()
                order = self._orders.get_nowait()
        except Empty:
            return

    def _read(self) -> None:
        """Poll, and take as many records as there is room for."""
        room = min(self._shelf.room(), BATCH)
        if not room and not self._shelf.choked:
            return  # full, but only just: all will be paused, or asked for, in a moment
        idle = self._shelf.demand and not self._shelf.waits_for_room
        message = self._consumer.poll(TURN if idle else 0)
        self.last_poll = time.monotonic()
        if message is not None:
            more = self._consumer.consume(room - 1, 0) if room > 1 else ()
            self._take_in(cast("Sequence[Got]", [message, *more]))
        if self._deadly is not None:
            raise SourceFailed(remedy(self._deadly))

    def _take_in(self, messages: Sequence[Got]) -> None:
        records = []
        unreadable: dict[Partition, Stopped] = {}
        ours = self._names
        for message in messages:
            error = message.error()
            if error is not None:
                self._take_error(message, error, unreadable)
                continue
            at = ours.get((message.topic(), message.partition()))  # as a plain tuple, which is cheaper
            if at is not None:  # else it was revoked within this very read
                records.append(to_record(message, at))
        if self.stops.told:
            self.stops.passed({record.at for record in records})
        if self._unread:
            self._check_first(records)
        self._hand_over(self._shelf.pass_through(records, self.last_poll))
        self._stop_at(unreadable.values())

    def _take_error(self, message: Got, error: KafkaError, unreadable: dict[Partition, Stopped]) -> None:
        """Take nothing more of a partition of which a record can't be read, until it is read from there anew.

        Behind a batch whose check fails the client reads on amid its bytes, and tells of offsets not there.
        """
        at = Partition(message.topic(), message.partition())
        if at not in self._ours or not is_unreadable(error):
            self._on_error(error, self._named(at, error))
        elif self._names.pop(at, None) is not None:
            unreadable[at] = Stopped(Place(at, message.offset()), one_line(error))

    def _stop_at(self, unreadable: Iterable[Stopped]) -> None:
        """Stop partitions, or pass over what is to be skipped."""
        for stopped in unreadable:
            if stopped.place in self._skip:
                self._pass_over(stopped)
            else:
                self._stop(stopped)

    def _stop(self, stopped: Stopped) -> None:
        """Have a partition stand."""
        self._pauses.stale = True
        if self.stops.stop(stopped, self.last_poll):
            self._outlet.stopped(stopped)

    def _pass_over(self, stopped: Stopped) -> None:
        """Read on behind an unreadable batch that was named to be skipped."""
        place = stopped.place
        try:
            beyond = next_readable(self._config, place)
        except Unprobed as error:
            self._stop(Stopped(place, f"{stopped.why}; it could not be skipped: {error}"))
            return
        self._read_from([TopicPartition(place.at.topic, place.at.number, beyond)])
        self.stops.passed([place.at])
        self._outlet.passed_over(place, beyond)

    def _look_at_stops(self) -> None:
        """Look again at places that could not be read: another replica may have them."""
        for place in self.stops.due(time.monotonic()) if self.stops.told else ():
            starts = (of.offset for of in self._consumer.assignment() if to_partition(of) == place.at)
            start = max(place.offset, *starts)  # within a batch, where somebody committed there
            self._read_from([TopicPartition(place.at.topic, place.at.number, start)])

    def _read_from(self, starts: Sequence[TopicPartition]) -> None:
        """Read partitions of ours from these offsets on."""
        reassign(self._consumer, starts, incremental=self._incremental)
        partitions = [to_partition(of) for of in starts]
        self._names.update((at, at) for at in partitions)
        self._pauses.forget(partitions)

    def _look_at_logs(self) -> None:
        """Begin anew with what was made anew: by their names they are ours, but of another log."""
        anew = self._logs.made_anew()
        if not anew:
            return
        partitions = list(anew)
        self._shelf.drop(partitions)
        self._forget(partitions)
        self.watermarks.forget(partitions)
        epochs = self._take_up(partitions)
        self._outlet.made_anew([Assigned(at, None, "", log) for at, log in anew.items()], epochs)
        self._read_from([TopicPartition(at.topic, at.number, OFFSET_BEGINNING) for at in partitions])

    def _take_up(self, partitions: Sequence[Partition]) -> list[Epoch]:
        """Call partitions ours from now on, in an assignment of their own."""
        self._epoch += 1
        epochs = [Epoch(at, self._epoch) for at in partitions]
        self._ours.update((epoch.at, epoch) for epoch in epochs)
        self._names.update((epoch.at, epoch.at) for epoch in epochs)
        self._pauses.stale = True
        self.watermarks.hurry()
        return epochs

    def _hand_over(self, records: Sequence[Record]) -> None:
        if records:
            self._outlet.records(records)

    def _set_pauses(self) -> None:
        """Make the client's pauses what the shelf wants, where anything changed."""
        if not self._shelf.weigh(time.monotonic()) and not self._pauses.stale:
            return
        ours = set(self._ours)
        wanted = ours if self._shelf.choked else (self._shelf.unwanted | self.stops.partitions) & ours
        self._pauses.set(self._consumer, ours, wanted)

    # --- callbacks of the client, made within its calls ----------------------------------------

    def _on_assign(self, consumer: Consumer, offered: list[TopicPartition]) -> None:
        committed = self._committed(offered) if offered else []
        partitions = [to_partition(of) for of in committed]
        logs = self._logs.bind(partitions)
        epochs = self._take_up(partitions)
        self._unread.update((to_partition(of), of.offset) for of in committed if of.offset >= 0)
        self._outlet.assigned([_assigned(of, logs[to_partition(of)]) for of in committed], epochs)
        # From just these offsets: the client's own look at them could find a late commit of the last owner.
        starts = [TopicPartition(of.topic, of.partition, of.offset) for of in committed]
        (consumer.incremental_assign if self._incremental else consumer.assign)(starts)

    def _on_revoke(self, _consumer: Consumer, revoked: list[TopicPartition]) -> None:
        partitions = [to_partition(of) for of in revoked]
        if not partitions:
            return
        self._shelf.drop(partitions)
        try:
            positions = self._outlet.drained(partitions)
            self._outlet.committed_last(self._commits.commit_last(self._consumer, positions))
        except CommitFailed as error:
            self._outlet.committed_last(error.committed)
            self._outlet.trouble(f"{names(partitions)}: the last commit failed: {error}")
        finally:
            self._forget(partitions)

    def _on_lost(self, _consumer: Consumer, lost: list[TopicPartition]) -> None:
        partitions = [to_partition(of) for of in lost]
        self._shelf.drop(partitions)
        self._forget(partitions)
        self._outlet.lost(partitions)

    def _on_commit(self, error: KafkaError | None, offsets: list[TopicPartition]) -> None:
        self._commits.on_answer(self._consumer, error, offsets)

    def _named(self, at: Partition, error: KafkaError) -> str:
        """Say an error with the partition or the group that it is of."""
        if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            return f"group {self._config['group.id']}: {one_line(error)}"
        return f"{at}: {one_line(error)}" if at in self._ours else one_line(error)

    def _on_error(self, error: KafkaError, text: str | None = None) -> None:
        if is_about_topic(error):
            self._logs.doubt()
        if is_deadly(error):
            self._deadly = error
        else:
            self._tell(text or one_line(error))

    def _forget(self, partitions: Sequence[Partition]) -> None:
        for partition in partitions:
            self._ours.pop(partition, None)
            self._names.pop(partition, None)
            self._unread.pop(partition, None)
        self._logs.forget(partitions)
        self.stops.passed(partitions)
        self._pauses.forget(partitions)
        self._commits.forget(partitions)

    def _committed(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """What the group has committed; raise SourceFailed where it can't be had, for so is the map."""
        reason = ""
        for _ in range(COMMITTED_TRIES):
            try:
                committed = self._consumer.committed(partitions, timeout=COMMITTED_TIMEOUT)
            except KafkaException as error:
                reason = one_line(error)
            else:
                reason = "; ".join(one_line(of.error) for of in committed if of.error is not None)
                if not reason:
                    return committed
            self._tell(f"can't read what is committed: {reason}")
        raise SourceFailed(f"can't read what is committed: {reason}")

    def _check_first(self, records: Sequence[Record]) -> None:
        """Tell where the first record after an assignment is not the one that the group waited for."""
        for record in records:
            committed = self._unread.pop(record.at, record.offset)
            if record.offset > committed:
                self._tell_gap(record, committed)
            elif record.offset < committed:
                self._tell(
                    f"{record.at}: starts again at {record.offset}, before {committed}: was it made anew?"
                )

    def _tell_gap(self, record: Record, committed: int) -> None:
        low = low_of(self._consumer, record.at)
        if low is None or low > committed:  # else a compaction or a transaction's marker left the hole
            gone = (low or record.offset) - committed
            self._tell(
                f"{record.at}: {gone} offsets from {committed} on are gone: removed before they were read"
            )

    def _tell(self, trouble: str) -> None:
        if self._troubles.is_news(trouble, time.monotonic()):
            self._outlet.trouble(trouble)


def _assigned(of: TopicPartition, log: LogId) -> Assigned:
    return Assigned(to_partition(of), of.offset if of.offset >= 0 else None, of.metadata or "", log)
