"""The poll thread's commits: one in flight, never backwards, never for a partition that is not ours.

The rule: two commits in flight can land in the wrong order, so each waits for the answer to the one before.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from worker.adapters.kafka.coordinator import why_silent
from worker.adapters.kafka.errors import one_line
from worker.adapters.kafka.leader_epochs import LeaderEpochs
from worker.adapters.kafka.loop_bridge import Epoch, LoopBridge
from worker.adapters.kafka.records import to_offset, to_partition
from worker.core.assigned_partition import Position
from worker.core.record import Partition
from worker.ports import CommitFailed, Positions

WantedCommits = Mapping[Epoch, Position]
"""What to commit, by assignment."""

REACH_TIMEOUT_SECONDS = 4.0
"""Seconds within which the group's coordinator must answer before a blocking commit is tried."""


class _Request(NamedTuple):
    wanted: WantedCommits
    answer: asyncio.Future[Positions]


class OffsetCommits:
    """Shares `ours`, the member's current assignments by partition."""

    def __init__(self, ours: Mapping[Partition, Epoch], bridge: LoopBridge) -> None:
        self._ours = ours
        self.leader_epochs = LeaderEpochs()
        self._bridge = bridge
        self._highest: dict[Partition, int] = {}
        self._waiting: deque[_Request] = deque()
        self._in_flight: tuple[asyncio.Future[Positions], Positions] | None = None

    def commit(self, consumer: Consumer, wanted: WantedCommits, answer: asyncio.Future[Positions]) -> None:
        """Commit as soon as no commit is in flight; what was committed is answered through the bridge."""
        self._waiting.append(_Request(wanted, answer))
        self._send_next(consumer)

    def on_answer(
        self, consumer: Consumer, error: KafkaError | None, offsets: Sequence[TopicPartition]
    ) -> None:
        """Take the broker's answer to the commit in flight."""
        answered, self._in_flight = self._in_flight, None
        if answered is not None:
            answer, sent = answered
            self._bridge.answered(answer, _outcome(sent, error, offsets))
        self._send_next(consumer)

    def commit_last(self, consumer: Consumer, positions: Positions) -> Positions:
        """Commit and wait for the broker, because these partitions are about to be revoked.

        Returns what was committed; raises CommitFailed.
        """
        epochs = self._ours
        sent = self._take({epochs[at]: to for at, to in positions.items() if at in epochs})
        if not sent:
            return {}
        offsets = self._to_offsets(consumer, sent)
        silent = why_silent(consumer, offsets, REACH_TIMEOUT_SECONDS)
        if silent is not None:
            raise CommitFailed(silent)
        try:
            committed = consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            raise CommitFailed(one_line(error)) from error
        outcome = _outcome(sent, None, committed or ())
        if isinstance(outcome, CommitFailed):
            raise outcome
        return outcome

    def abandon(self) -> None:
        """Fail the commit in flight: its client is closed, and will not answer any more."""
        answered, self._in_flight = self._in_flight, None
        if answered is not None:
            self._bridge.answered(answered[0], CommitFailed("the client was closed meanwhile"))

    def forget(self, partitions: Collection[Partition]) -> None:
        """Forget how far partitions were committed, because the next assignment starts anew."""
        for partition in partitions:
            self._highest.pop(partition, None)

    def last(self, at: Partition) -> int | None:
        """The highest offset sent to be committed since the partition was assigned."""
        return self._highest.get(at)

    def _send_next(self, consumer: Consumer) -> None:
        while self._waiting and self._in_flight is None:
            wanted, answer = self._waiting.popleft()
            sent = self._take(wanted)
            if sent:
                self._send(consumer, sent, answer)
            else:
                self._bridge.answered(answer, {})  # none of it is ours any more

    def _send(self, consumer: Consumer, sent: Positions, answer: asyncio.Future[Positions]) -> None:
        try:
            consumer.commit(offsets=self._to_offsets(consumer, sent), asynchronous=True)
        except KafkaException as error:
            self._bridge.answered(answer, CommitFailed(one_line(error)))
        else:
            self._in_flight = answer, sent

    def _to_offsets(self, consumer: Consumer, sent: Positions) -> list[TopicPartition]:
        self.leader_epochs.look(consumer, sent)
        return [to_offset(at, to, self.leader_epochs.to_commit(at, to.offset)) for at, to in sent.items()]

    def _take(self, wanted: WantedCommits) -> Positions:
        """What to send: only for current assignments, and never below what was sent before."""
        sent = {}
        for epoch, position in wanted.items():
            if self._ours.get(epoch.at) == epoch and position.offset >= self._highest.get(epoch.at, 0):
                self._highest[epoch.at] = position.offset
                sent[epoch.at] = position
        return sent


def _outcome(
    sent: Positions, error: KafkaError | None, offsets: Sequence[TopicPartition]
) -> Positions | CommitFailed:
    """The outcome of a commit."""
    refused = {to_partition(of): one_line(of.error) for of in offsets if of.error is not None}
    if refused:
        taken = {at: position for at, position in sent.items() if at not in refused}
        return CommitFailed("; ".join(f"{at}: {why}" for at, why in refused.items()), taken)
    return sent if error is None else CommitFailed(one_line(error))
