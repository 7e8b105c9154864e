"""The source of records: a group member in a thread of its own, controlled from the event loop.

The rule: nothing here waits for Kafka on the loop: every request is an order to the thread. However the
thread ends, the listener hears of it once and nobody is left waiting.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from functools import partial

from confluent_kafka import KafkaException

from worker.adapters.kafka.config import Config
from worker.adapters.kafka.errors import one_line
from worker.adapters.kafka.loop_bridge import Epoch, LoopBridge, LoopGone, settle
from worker.adapters.kafka.poll_thread import PollThread
from worker.adapters.kafka.source_options import SourceOptions
from worker.core.record import Partition
from worker.core.unreadable import StoppedPartition
from worker.ports import Positions, SourceEnded, SourceFailed, SourceListener, Watermarks

DRAIN_MARGIN_SECONDS = 5.0
"""Seconds that the thread waits for the listener beyond the drain."""

LEAVE_MARGIN_SECONDS = 15.0
"""Seconds that leaving the group may take beyond a drain; then the thread is left behind."""


class KafkaSource:
    """A Source; `drain_timeout` is how many seconds the listener may take to drain what is revoked.

    `config` is made by `consumer_config`. librdkafka's own log goes to `logger`.
    """

    def __init__(
        self,
        config: Config,
        options: SourceOptions,
        *,
        drain_timeout: float,
        logger: logging.Logger | None = None,
    ) -> None:
        self._config = config
        self._options = options
        self._drain_timeout = drain_timeout
        self._logger = logger or logging.getLogger("worker.kafka")
        self._commits: set[asyncio.Future[Positions]] = set()
        self._bridge: LoopBridge | None = None
        self._poll_thread: PollThread | None = None
        self._thread: threading.Thread | None = None
        self._ended: asyncio.Future[None] | None = None

    async def start(self, listener: SourceListener) -> None:
        """Join the group, now or once the broker is there; raise SourceFailed for bad settings."""
        loop = asyncio.get_running_loop()
        bridge = LoopBridge(loop, listener, self._drain_timeout + DRAIN_MARGIN_SECONDS)
        poll_thread = PollThread(self._config, self._options, bridge, self._logger)
        joined: asyncio.Future[None] = loop.create_future()
        self._bridge, self._poll_thread, self._ended = bridge, poll_thread, loop.create_future()
        run = partial(self._run, poll_thread, bridge, listener, joined)
        whose = copy_context()  # so that the client's log lines name the destination
        self._thread = threading.Thread(target=whose.run, args=(run,), name="kafka-consumer", daemon=True)
        self._thread.start()
        await joined

    def ask(self, count: int) -> None:
        """Ask for `count` records, including those that were asked for before and have not come."""
        if self._poll_thread is not None and self._bridge is not None:
            self._poll_thread.order(partial(self._poll_thread.ask, self._bridge.came + count))

    def allow(self, partition: Partition, count: int) -> None:
        """Give a partition room for `count` more, in this assignment; ignored if it is not ours."""
        if (ours := self._epoch(partition)) is not None:
            poll_thread, epoch = ours
            poll_thread.order(partial(poll_thread.allow, epoch, count))

    def pause(self, partition: Partition) -> None:
        """Pause a partition, in this assignment; ignored if it is not ours."""
        if (ours := self._epoch(partition)) is not None:
            poll_thread, epoch = ours
            poll_thread.order(partial(poll_thread.flow, epoch, paused=True))

    def resume(self, partition: Partition) -> None:
        """Resume a partition; ignored if it is not ours."""
        if (ours := self._epoch(partition)) is not None:
            poll_thread, epoch = ours
            poll_thread.order(partial(poll_thread.flow, epoch, paused=False))

    def rewind(self, partition: Partition, offset: int) -> None:
        """Read a partition again from an offset on; ignored if it is not ours."""
        if (ours := self._epoch(partition)) is not None:
            poll_thread, epoch = ours
            poll_thread.order(partial(poll_thread.rewind, epoch, offset))

    def commit(self, positions: Positions) -> asyncio.Future[Positions]:
        """Commit those of `positions` that are ours now, and return them; raise CommitFailed if refused."""
        answer: asyncio.Future[Positions] = asyncio.get_running_loop().create_future()
        if self._poll_thread is None or self._bridge is None or self._ended is None or self._ended.done():
            answer.set_exception(SourceEnded("the source is not running"))
            return answer
        epochs = self._bridge.epochs
        ours = {epochs[at]: position for at, position in positions.items() if at in epochs}
        self._commits.add(answer)
        answer.add_done_callback(self._commits.discard)
        self._poll_thread.order(partial(self._poll_thread.commit, ours, answer))
        return answer

    def relogin(self, username: str, password: str) -> None:
        """Log in as this user from now on."""
        if self._poll_thread is not None:
            self._poll_thread.order(partial(self._poll_thread.member.relogin, username, password))

    def renew(self) -> None:
        """Leave the group and join it with another client, after a drain."""
        if self._poll_thread is not None:
            self._poll_thread.order(self._poll_thread.member.renew)

    def not_joined(self) -> Sequence[str]:
        """The group's name while we are no member of it that has an assignment, even an empty one."""
        joined = self._bridge is not None and self._bridge.joined
        return [] if joined else [str(self._config["group.id"])]

    def not_begun(self) -> Mapping[Partition, str]:
        """Why some assigned partitions are not read yet; does no I/O."""
        return {} if self._poll_thread is None else self._poll_thread.member.deferred.awaited

    def stops(self) -> Sequence[StoppedPartition]:
        """Our partitions that are stopped at an unreadable record; does no I/O."""
        return () if self._poll_thread is None else self._poll_thread.stops.stopped

    def watermarks(self) -> Mapping[Partition, Watermarks]:
        """The watermarks of our partitions, a few seconds old at most; does no I/O."""
        return {} if self._poll_thread is None else self._poll_thread.watermarks.heard

    def last_poll(self) -> float:
        """When the thread last polled, on the monotonic clock; 0.0 before the start."""
        return 0.0 if self._poll_thread is None else self._poll_thread.last_poll

    async def stop(self) -> None:
        """Leave the group and end, within LEAVE_MARGIN_SECONDS plus, if it drains, the drain; idempotent."""
        if self._poll_thread is None or self._ended is None or self._thread is None or self._bridge is None:
            return
        self._poll_thread.order(self._poll_thread.leave)
        done, _ = await asyncio.wait([self._ended], timeout=LEAVE_MARGIN_SECONDS)
        if not done and self._bridge.draining:
            drain = self._drain_timeout + DRAIN_MARGIN_SECONDS
            done, _ = await asyncio.wait([self._ended], timeout=drain + LEAVE_MARGIN_SECONDS)
        if done:
            self._thread.join()  # reporting its end was the last thing it did
        else:
            self._logger.warning("the consumer did not leave its group in time; it is left behind")

    def _run(
        self,
        poll_thread: PollThread,
        bridge: LoopBridge,
        listener: SourceListener,
        joined: asyncio.Future[None],
    ) -> None:
        """The thread, from joining to its end."""
        try:
            error = self._live(poll_thread, bridge, joined)
            bridge.post(self._on_ended, listener, error)
        except LoopGone:
            self._logger.warning("the event loop was closed before the source was stopped")

    def _live(
        self, poll_thread: PollThread, bridge: LoopBridge, joined: asyncio.Future[None]
    ) -> BaseException | None:
        """Join, work, leave; return the error that ended it, None if it was told to end."""
        try:
            poll_thread.member.join()
        except SourceFailed as error:
            bridge.post(settle, joined, error)
            return None
        bridge.post(settle, joined, None)
        outcomes = [_outcome(poll_thread.work), _outcome(poll_thread.member.close)]
        return next((error for error in outcomes if error is not None), None)

    def _epoch(self, partition: Partition) -> tuple[PollThread, Epoch] | None:
        if self._poll_thread is None or self._bridge is None or partition not in self._bridge.epochs:
            return None
        return self._poll_thread, self._bridge.epochs[partition]

    def _on_ended(self, listener: SourceListener, error: BaseException | None) -> None:
        for answer in tuple(self._commits):
            settle(answer, SourceEnded("the source has ended"))
        if self._ended is not None:
            settle(self._ended, None)
        if error is not None:
            listener.on_failed(error)


def _outcome(step: Callable[[], None]) -> BaseException | None:
    """Take a step of the thread; return what it raised, under our own names."""
    try:
        step()
    except KafkaException as error:
        return SourceFailed(one_line(error))
    except BaseException as error:  # nothing may end the thread unheard
        return error
    return None
