"""Commits of the consumer's thread: one in flight, never backwards, never for what is not ours.

The rule: two commits in flight can land in the wrong order, so the next one waits for the answer to the last.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from worker.adapters.kafka.errors import is_away, one_line
from worker.adapters.kafka.outlet import Epoch, Outlet
from worker.adapters.kafka.records import to_offset
from worker.core.holding import Position
from worker.core.record import Partition
from worker.ports import CommitFailed

Positions = Mapping[Epoch, Position]

REACH_TIMEOUT = 4.0
"""Seconds in which the group's coordinator must answer before a commit is waited for."""


class _Wanted(NamedTuple):
    positions: Positions
    answer: asyncio.Future[None]


class Commits:
    """Made with the assignments that are ours, by partition, as the member keeps them."""

    def __init__(self, ours: Mapping[Partition, Epoch], outlet: Outlet) -> None:
        self._ours = ours
        self._outlet = outlet
        self._highest: dict[Partition, int] = {}
        self._waiting: deque[_Wanted] = deque()
        self._in_flight: _Wanted | None = None

    def commit(self, consumer: Consumer, positions: Positions, answer: asyncio.Future[None]) -> None:
        """Commit as soon as none is in flight; the answer comes by the outlet."""
        self._waiting.append(_Wanted(positions, answer))
        self._send_next(consumer)

    def on_answer(
        self, consumer: Consumer, error: KafkaError | None, offsets: Sequence[TopicPartition]
    ) -> None:
        """Take the broker's answer to the one in flight."""
        answered, self._in_flight = self._in_flight, None
        if answered is not None:
            self._outlet.answered(answered.answer, _refusal(error, offsets))
        self._send_next(consumer)

    def commit_last(self, consumer: Consumer, positions: Mapping[Partition, Position]) -> None:
        """Commit and wait for the broker: these partitions are about to be another's. Raises CommitFailed."""
        epochs = self._ours
        offsets = self._offsets({epochs[at]: to for at, to in positions.items() if at in epochs})
        if not offsets:
            return
        _require_coordinator(consumer, offsets)
        try:
            committed = consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            raise CommitFailed(one_line(error)) from error
        refusal = _refusal(None, committed or ())
        if refusal:
            raise refusal

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Forget how far partitions were committed: the next assignment starts anew."""
        for partition in partitions:
            self._highest.pop(partition, None)

    def _send_next(self, consumer: Consumer) -> None:
        while self._waiting and self._in_flight is None:
            wanted = self._waiting.popleft()
            offsets = self._offsets(wanted.positions)
            if offsets:
                self._send(consumer, wanted, offsets)
            else:
                self._outlet.answered(wanted.answer)  # nothing of it is ours any more

    def _send(self, consumer: Consumer, wanted: _Wanted, offsets: list[TopicPartition]) -> None:
        try:
            consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:
            self._outlet.answered(wanted.answer, CommitFailed(one_line(error)))
        else:
            self._in_flight = wanted

    def _offsets(self, positions: Positions) -> list[TopicPartition]:
        offsets = []
        for epoch, position in positions.items():
            if self._ours.get(epoch.at) != epoch or position.offset < self._highest.get(epoch.at, 0):
                continue
            self._highest[epoch.at] = position.offset
            offsets.append(to_offset(epoch.at, position))
        return offsets


def _require_coordinator(consumer: Consumer, offsets: list[TopicPartition]) -> None:
    """Raise CommitFailed where nobody answers: a commit that waits has no timeout, a question has."""
    try:
        consumer.committed(offsets, timeout=REACH_TIMEOUT)
    except KafkaException as error:
        if is_away(error):
            raise CommitFailed(one_line(error)) from error


def _refusal(error: KafkaError | None, offsets: Sequence[TopicPartition]) -> CommitFailed | None:
    refused = [f"{of.topic}/{of.partition}: {one_line(of.error)}" for of in offsets if of.error is not None]
    if refused:
        return CommitFailed("; ".join(refused))
    return None if error is None else CommitFailed(one_line(error))
