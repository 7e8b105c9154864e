"""The thread that owns the consumer: a member of the group, from joining to leaving.

The rule: only this thread calls the client. Orders come in through a queue, and events go out to the loop in
Kafka's order. A partition is read only while it is ours and its committed offset is known.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from logging import Logger
from queue import Empty, SimpleQueue
from typing import Any, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from worker.adapters.kafka.assigned_logs import AssignedLogs
from worker.adapters.kafka.assignment import Assignment
from worker.adapters.kafka.batch_routing import routing_by
from worker.adapters.kafka.client_errors import ClientErrors
from worker.adapters.kafka.config import QUIET, Config
from worker.adapters.kafka.deferred_partitions import DeferredPartitions
from worker.adapters.kafka.errors import LimitedLog, is_about_topic, is_unusable, one_line
from worker.adapters.kafka.group_agreement import GroupAgreement
from worker.adapters.kafka.hearing import ClientHearing
from worker.adapters.kafka.loop_bridge import Epoch, LoopBridge
from worker.adapters.kafka.offset_commits import WantedCommits
from worker.adapters.kafka.offset_lookup import OffsetLookup
from worker.adapters.kafka.pause_reasons import PausedPartitions
from worker.adapters.kafka.prefetch import Prefetch
from worker.adapters.kafka.records import ReceivedMessage, to_partition
from worker.adapters.kafka.recovery import Recovery
from worker.adapters.kafka.source_options import SourceOptions
from worker.adapters.kafka.topic_refresh import TopicRefresh
from worker.adapters.kafka.turns import ROOM_TURN_SECONDS, TURN_SECONDS, Turns
from worker.adapters.kafka.unreadable_records import StoppedPartitions, is_unreadable
from worker.adapters.kafka.watermarks import WatermarkCache
from worker.core.held_bytes import NO_BOUND, HeldBytes
from worker.core.place import Place
from worker.core.record import Partition
from worker.core.unreadable import StoppedPartition
from worker.ports import Positions, SourceFailed

BATCH_RECORDS = 500
"""Most records read in one turn."""

RENEW_AGAIN_SECONDS = 1.0
"""Seconds until another try at making a client."""

REVOKE_TIMEOUT_SECONDS = 5.0
"""Seconds for the client to revoke our partitions when leaving; the drain itself does not count."""


class PollThread:
    """Run it in a thread of its own; other threads may call only `order`."""

    def __init__(self, config: Config, options: SourceOptions, bridge: LoopBridge, logger: Logger) -> None:
        self.last_poll = time.monotonic()
        self._turns = Turns(self.last_poll)
        self._config, self.watermarks = config, WatermarkCache()
        self._bridge, self._logger, self._topics = bridge, logger, list(options.topics)
        self.stops = StoppedPartitions(paused := PausedPartitions())
        self._orders: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._leaving, self._is_closing, self._renew_at = False, False, float("inf")
        self._prefetch = Prefetch(options.held_bytes or HeldBytes(NO_BOUND), paused)
        parts = self._prefetch, self.watermarks, self.stops, AssignedLogs(options.ids)
        self._assignment = Assignment(bridge, *parts, config)
        self._errors = ClientErrors(str(config["group.id"]), options.refusals, bridge)
        self._refresh = TopicRefresh(config, options.topics, options.ids, self._errors.tell)
        self._agreement = GroupAgreement(config, options.ids, self._errors.tell, self.renew, bridge.idle)
        self._hearing = ClientHearing(config)
        starts, another = OffsetLookup(options.beginning, options.ids), lambda: Consumer({**config, **QUIET})
        self.deferred = DeferredPartitions(self._assignment, starts, self._errors.tell, another)
        self._recovery = Recovery(self._assignment, bridge, config, options.skip, self._errors.tell)
        self._route = routing_by(options.router, bridge.trouble)

    # --- orders: given by the loop, carried out by the thread ----------------------------------

    def order(self, order: Callable[[], None]) -> None:
        """Have the thread carry out an order, within about a turn."""
        self._orders.put(order)

    def ask(self, upto: int) -> None:
        """Hand over records until there were `upto` in all."""
        self._prefetch.ask(upto)

    def allow(self, epoch: Epoch, count: int) -> None:
        """Give a partition room for `count` more, if this assignment of it still stands."""
        if self._assignment.has(epoch):
            self._prefetch.allow(epoch.at, count)

    def flow(self, epoch: Epoch, *, paused: bool) -> None:
        """Pause or resume a partition, if this assignment of it still stands."""
        if self._assignment.has(epoch):
            (self._prefetch.pause if paused else self._prefetch.resume)(epoch.at)

    def rewind(self, epoch: Epoch, offset: int) -> None:
        """Read a paused partition again from an earlier offset on; the bridge reports when that begins."""
        if self._assignment.has(epoch):
            self._prefetch.throw_away(epoch.at)
            self._assignment.set_pauses(self._consumer)
            self._assignment.read_again(self._consumer, epoch.at, offset)
            self._prefetch.handed[epoch.at] = offset
            self._bridge.rewound(epoch.at)

    def commit(self, wanted: WantedCommits, answer: asyncio.Future[Positions]) -> None:
        """Commit those of `wanted` that are still ours."""
        self._assignment.commits.commit(self._consumer, wanted, answer)

    def relogin(self, username: str, password: str) -> None:
        """Log in as this user from the next connection on."""
        self._consumer.set_sasl_credentials(username, password)

    def renew(self) -> None:
        """Replace the client after this turn, or as soon as another can be made."""
        self._renew_at = 0.0

    def leave(self) -> None:
        """End after this turn."""
        self._leaving = True

    # --- the thread ----------------------------------------------------------------------------

    def join(self) -> None:
        """Make the client and subscribe; raise SourceFailed for bad settings."""
        self._subscribe(self._client())

    def _client(self) -> Consumer:
        own: dict[str, Any] = {"error_cb": self._on_error, "on_commit": self._on_commit}
        try:
            return Consumer({**self._config, **self._refresh.begin(), **own}, logger=LimitedLog(self._logger))
        except (KafkaException, ValueError, TypeError) as error:
            raise SourceFailed(one_line(error)) from error

    def _subscribe(self, consumer: Consumer) -> None:
        self._is_closing = False
        self._errors.begin()
        self._consumer = consumer
        try:
            consumer.subscribe(
                self._topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )
        except (KafkaException, ValueError, TypeError) as error:
            raise SourceFailed(one_line(error)) from error
        self._assignment.logs.meet(self._topics)

    def work(self) -> None:
        """Take turns until told to leave; raise whatever ends the source earlier."""
        while not self._leaving:
            self._obey()
            self._assignment.renew(self._consumer)
            self._agreement.look(self._consumer)
            is_deaf = self._hearing.is_deaf(self._consumer, self._topics[0])
            if is_deaf or self._errors.is_outlived() or self._assignment.logs.outlived():
                self._join_anew()
            if time.monotonic() >= self._renew_at:
                self._renew()
            self.deferred.look(self._consumer)
            self._recovery.look(self._consumer)
            self._bridge.records(self._prefetch.take())
            self._assignment.set_pauses(self._consumer)
            self._assignment.relieve(self._consumer)
            self._read()
            self._assignment.tell_gaps(self._consumer, self.last_poll)
            self.watermarks.refresh(self._consumer, self._assignment.ours, self.last_poll)
        self._assignment.tell_gaps(self._consumer, float("inf"))  # so that they are committed, too

    def close(self) -> None:
        """Leave the group; our partitions are revoked first.

        By unsubscribing, not within the client's `close`: a closing client does not answer `commit_last`.
        """
        deadline = time.monotonic() + REVOKE_TIMEOUT_SECONDS
        self._is_closing = True
        try:
            if not self._errors.is_dead:
                self._consumer.unsubscribe()
                while self._assignment.ours and time.monotonic() < deadline:
                    self._consumer.poll(TURN_SECONDS)  # calls back; records that still come are dropped
        finally:
            self._consumer.close()

    def _join_anew(self) -> None:
        """Leave the group and join it with another client: this one is dead, deaf, or can't read a topic."""
        # A client takes the metadata of a topic made anew for outdated: leader epochs begin at 0 there.
        fresh = self._client()
        self.close()
        self._assignment.lose(fresh, list(self._assignment.ours))  # what was not revoked in time
        self.deferred.drop(self.deferred.awaited)
        self._assignment.commits.abandon()
        self._subscribe(fresh)

    def _renew(self) -> None:
        """Join anew with the present credentials; a little later if their files are just being replaced."""
        self._renew_at = float("inf")
        try:
            self._join_anew()
        except SourceFailed as error:
            self._renew_at = time.monotonic() + RENEW_AGAIN_SECONDS
            self._errors.tell(f"can't log in anew: {error}")

    def _obey(self) -> None:
        """Carry out the orders; if no record may be handed over, wait for an order rather than for Kafka."""
        idle = 0.0 if self._prefetch.demand else TURN_SECONDS
        wait = ROOM_TURN_SECONDS if self._prefetch.waits_for_room else idle
        try:
            order = self._orders.get(block=wait > 0, timeout=wait)
            self._turns.busy(time.monotonic())
            while True:
                order()
                order = self._orders.get_nowait()
        except Empty:
            return

    def _read(self) -> None:
        """Poll, and read as many records as there is room for."""
        room = min(self._prefetch.room(), BATCH_RECORDS)
        if not (room or self._prefetch.paused.all):  # only just full: all will be paused, or more asked for
            return
        idle = self._prefetch.demand and not self._prefetch.waits_for_room
        message = self._consumer.poll(self._turns.seconds(self.last_poll) if idle else 0)
        self.last_poll = time.monotonic()
        if message is not None:
            self._turns.busy(self.last_poll)
            self._hearing.heard(self.last_poll)
            more = self._consumer.consume(room - 1, 0) if room > 1 else ()
            self._take_in(cast("Sequence[ReceivedMessage]", [message, *more]))
        self._refresh.look(self._consumer, self._assignment.ours, self.last_poll)
        self._errors.raise_deadly()

    def _take_in(self, messages: Sequence[ReceivedMessage]) -> None:
        stopped: dict[Partition, StoppedPartition] = {}
        ours = self._assignment.names
        came, ats = list[ReceivedMessage](), list[Partition]()
        for message in messages:
            error = message.error()
            if error is not None:
                self._take_error(message, error, stopped)
                continue
            at = ours.get((message.topic(), message.partition()))  # as a plain tuple, which is cheaper
            if at is not None:  # else it was revoked within this very read
                came.append(message)
                ats.append(at)
        records, passed = self._route(came, ats)
        if self.stops.stopped or self._assignment.unsettled:
            self.stops.passed(set(ats))
            self._assignment.found(set(ats))
        if self._assignment.commits.leader_epochs.has_proofs:
            self._assignment.prove(messages)
        self._bridge.records(self._prefetch.pass_through(records, self.last_poll))
        if passed is not None:
            self._bridge.passed(passed.counts)
            self._assignment.tell_passed(passed.behind)
        self._recovery.stop_at(self._consumer, stopped.values())

    def _take_error(
        self, message: ReceivedMessage, error: KafkaError, stopped: dict[Partition, StoppedPartition]
    ) -> None:
        """Take nothing more of a partition with an unreadable record until it is read from there again.

        After a batch whose check fails, the client reads on amid its bytes, and reports offsets that don't
        exist.
        """
        at = Partition(message.topic(), message.partition())
        if at in self._assignment.ours and is_unusable(error):
            if at in self._assignment.names:  # otherwise the error is from amid those bytes
                self._recovery.note_unusable(self._consumer, at, message, error)
        elif at not in self._assignment.ours or not is_unreadable(error):
            self._on_error(error, self._errors.named(error, at if at in self._assignment.ours else None))
        elif self._assignment.names.pop(at, None) is not None:
            stopped[at] = StoppedPartition(Place(at, message.offset()), one_line(error))

    # --- callbacks of the client, made within its calls ----------------------------------------

    def _on_assign(self, consumer: Consumer, offered: list[TopicPartition]) -> None:
        if self._is_closing:  # a closing client answers nothing, and gives it up at once
            return
        self._errors.assigned()
        self.deferred.begin(consumer, [to_partition(of) for of in offered])

    def _on_revoke(self, consumer: Consumer, revoked: list[TopicPartition]) -> None:
        if ours := self.deferred.give_up(revoked):
            self._assignment.revoke(consumer, ours)

    def _on_lost(self, consumer: Consumer, lost: list[TopicPartition]) -> None:
        self._errors.lost()
        self._assignment.lose(consumer, self.deferred.give_up(lost))

    def _on_commit(self, error: KafkaError | None, offsets: list[TopicPartition]) -> None:
        if error is None:
            self._errors.granted()
        self._assignment.commits.on_answer(self._consumer, error, offsets)

    def _on_error(self, error: KafkaError, text: str | None = None) -> None:
        if is_about_topic(error):
            self._assignment.logs.doubt()
        self._errors.note(error, text)
