"""The thread that owns the consumer: what it does in each turn, and the orders that it takes.

The rule: only this thread calls the client. Orders come in through a queue, and events go out to the loop in
Kafka's order. A partition is read only while it is ours and its committed offset is known.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from logging import Logger
from queue import Empty, SimpleQueue
from typing import cast

from confluent_kafka import KafkaError

from worker.adapters.kafka.assigned_logs import AssignedLogs
from worker.adapters.kafka.assignment import Assignment
from worker.adapters.kafka.batch_routing import routing_by
from worker.adapters.kafka.config import Config
from worker.adapters.kafka.errors import is_unusable, one_line
from worker.adapters.kafka.group_member import GroupMember
from worker.adapters.kafka.loop_bridge import Epoch, LoopBridge
from worker.adapters.kafka.offset_commits import WantedCommits
from worker.adapters.kafka.pause_reasons import PausedPartitions
from worker.adapters.kafka.prefetch import Prefetch
from worker.adapters.kafka.records import ReceivedMessage
from worker.adapters.kafka.recovery import Recovery
from worker.adapters.kafka.source_options import SourceOptions
from worker.adapters.kafka.turns import ROOM_TURN_SECONDS, TURN_SECONDS, Turns
from worker.adapters.kafka.unreadable_records import StoppedPartitions, is_unreadable
from worker.adapters.kafka.watermarks import WatermarkCache
from worker.core.held_bytes import NO_BOUND, HeldBytes
from worker.core.place import Place
from worker.core.record import Partition
from worker.core.unreadable import StoppedPartition
from worker.ports import Positions

BATCH_RECORDS = 500
"""Most records read in one turn."""


class PollThread:
    """Run it in a thread of its own; other threads may call only `order`."""

    def __init__(self, config: Config, options: SourceOptions, bridge: LoopBridge, logger: Logger) -> None:
        self.last_poll = time.monotonic()
        self._turns = Turns(self.last_poll)
        self._bridge = bridge
        self._orders: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._leaving = False
        self.watermarks = WatermarkCache()
        self.stops = StoppedPartitions(paused := PausedPartitions())
        self._prefetch = Prefetch(options.held_bytes or HeldBytes(NO_BOUND), paused)
        logs = AssignedLogs(options.ids)
        self._assignment = Assignment(bridge, self._prefetch, self.watermarks, self.stops, logs, config)
        self.member = GroupMember(config, options, self._assignment, bridge, logger)
        self._recovery = Recovery(self._assignment, bridge, config, options.skip, self.member.errors.tell)
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
            self._assignment.set_pauses(self.member.consumer)
            self._assignment.read_again(self.member.consumer, epoch.at, offset)
            self._prefetch.handed[epoch.at] = offset
            self._bridge.rewound(epoch.at)

    def commit(self, wanted: WantedCommits, answer: asyncio.Future[Positions]) -> None:
        """Commit those of `wanted` that are still ours."""
        self._assignment.commits.commit(self.member.consumer, wanted, answer)

    def leave(self) -> None:
        """End after this turn."""
        self._leaving = True

    # --- the thread ----------------------------------------------------------------------------

    def work(self) -> None:
        """Take turns until told to leave; raise whatever ends the source earlier."""
        while not self._leaving:
            self._obey()
            self.member.look()
            self._recovery.look(self.member.consumer)
            self._bridge.records(self._prefetch.take())
            self._assignment.set_pauses(self.member.consumer)
            self._assignment.relieve(self.member.consumer)
            self._read()
            self._assignment.tell_gaps(self.member.consumer, self.last_poll)
            self.watermarks.refresh(self.member.consumer, self._assignment.ours, self.last_poll)
        self._assignment.tell_gaps(self.member.consumer, float("inf"))  # so that they are committed, too

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
        message = self.member.consumer.poll(self._turns.seconds(self.last_poll) if idle else 0)
        self.last_poll = time.monotonic()
        if message is not None:
            self._turns.busy(self.last_poll)
            self.member.heard(self.last_poll)
            more = self.member.consumer.consume(room - 1, 0) if room > 1 else ()
            self._take_in(cast("Sequence[ReceivedMessage]", [message, *more]))
        self.member.polled(self.last_poll)

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
        self._recovery.stop_at(self.member.consumer, stopped.values())

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
                self._recovery.note_unusable(self.member.consumer, at, message, error)
        elif at not in self._assignment.ours or not is_unreadable(error):
            ours = at if at in self._assignment.ours else None
            self.member.on_error(error, self.member.errors.named(error, ours))
        elif self._assignment.names.pop(at, None) is not None:
            stopped[at] = StoppedPartition(Place(at, message.offset()), one_line(error))
