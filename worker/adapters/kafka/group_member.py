"""A member of the group, from joining to leaving, with one client after another.

The rule: one client at a time. One that is dead, deaf, logged in as before, or unable to read a topic that
was made anew leaves before another joins. What it calls back is heard here. Called by the poll thread.
"""

from __future__ import annotations

import time
from logging import Logger
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from worker.adapters.kafka.assignment import Assignment
from worker.adapters.kafka.client_errors import ClientErrors
from worker.adapters.kafka.config import QUIET, Config
from worker.adapters.kafka.deferred_partitions import DeferredPartitions
from worker.adapters.kafka.errors import LimitedLog, is_about_topic, one_line
from worker.adapters.kafka.group_agreement import GroupAgreement
from worker.adapters.kafka.hearing import ClientHearing
from worker.adapters.kafka.loop_bridge import LoopBridge
from worker.adapters.kafka.offset_lookup import OffsetLookup
from worker.adapters.kafka.records import to_partition
from worker.adapters.kafka.source_options import SourceOptions
from worker.adapters.kafka.topic_refresh import TopicRefresh
from worker.adapters.kafka.turns import TURN_SECONDS
from worker.ports import SourceFailed

RENEW_AGAIN_SECONDS = 1.0
"""Seconds until another try at making a client."""

REVOKE_TIMEOUT_SECONDS = 5.0
"""Seconds for the client to revoke our partitions when leaving; the drain itself does not count."""


class GroupMember:
    """With what is assigned to it; the poll thread reads it with `consumer`."""

    def __init__(
        self,
        config: Config,
        options: SourceOptions,
        assignment: Assignment,
        bridge: LoopBridge,
        logger: Logger,
    ) -> None:
        self._config, self._topics, self._logger = config, list(options.topics), logger
        self._assignment = assignment
        self._is_closing = False
        self._renew_at = float("inf")
        self.errors = ClientErrors(str(config["group.id"]), options.refusals, bridge)
        self._refresh = TopicRefresh(config, options.topics, options.ids, self.errors.tell)
        self._agreement = GroupAgreement(config, options.ids, self.errors.tell, self.renew, bridge.idle)
        self._hearing = ClientHearing(config)
        starts = OffsetLookup(options.beginning, options.ids)
        self.deferred = DeferredPartitions(assignment, starts, self.errors.tell, self._fresh)

    def join(self) -> None:
        """Make the client and subscribe; raise SourceFailed for bad settings."""
        self._subscribe(self._client())

    def look(self) -> None:
        """Replace the client if it is time, and take up partitions whose beginning is known by now."""
        self._assignment.renew(self.consumer)
        self._agreement.look(self.consumer)
        is_deaf = self._hearing.is_deaf(self.consumer, self._topics[0])
        if is_deaf or self.errors.is_outlived() or self._assignment.logs.outlived():
            self._join_anew()
        if time.monotonic() >= self._renew_at:
            self._renew()
        self.deferred.look(self.consumer)

    def heard(self, now: float) -> None:
        """Note that something came from a broker, at a moment of the monotonic clock."""
        self._hearing.heard(now)

    def polled(self, now: float) -> None:
        """After a poll, refresh the topics if it is time; raise SourceFailed for what ends the source."""
        self._refresh.look(self.consumer, self._assignment.ours, now)
        self.errors.raise_deadly()

    def relogin(self, username: str, password: str) -> None:
        """Log in as this user from the next connection on."""
        self.consumer.set_sasl_credentials(username, password)

    def renew(self) -> None:
        """Replace the client at the next look, or as soon as another can be made."""
        self._renew_at = 0.0

    def close(self) -> None:
        """Leave the group; our partitions are revoked first.

        By unsubscribing, not within the client's `close`: a closing client does not answer `commit_last`.
        """
        deadline = time.monotonic() + REVOKE_TIMEOUT_SECONDS
        self._is_closing = True
        try:
            if not self.errors.is_dead:
                self.consumer.unsubscribe()
                while self._assignment.ours and time.monotonic() < deadline:
                    self.consumer.poll(TURN_SECONDS)  # calls back; records that still come are dropped
        finally:
            self.consumer.close()

    # --- its clients ---------------------------------------------------------------------------

    def _client(self) -> Consumer:
        own: dict[str, Any] = {"error_cb": self.on_error, "on_commit": self._on_commit}
        try:
            return Consumer({**self._config, **self._refresh.begin(), **own}, logger=LimitedLog(self._logger))
        except (KafkaException, ValueError, TypeError) as error:
            raise SourceFailed(one_line(error)) from error

    def _fresh(self) -> Consumer:
        """A client that only asks, with the login of now."""
        return Consumer({**self._config, **QUIET})

    def _subscribe(self, consumer: Consumer) -> None:
        self._is_closing = False
        self.errors.begin()
        self.consumer = consumer
        try:
            consumer.subscribe(
                self._topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )
        except (KafkaException, ValueError, TypeError) as error:
            raise SourceFailed(one_line(error)) from error
        self._assignment.logs.meet(self._topics)

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
            self.errors.tell(f"can't log in anew: {error}")

    # --- callbacks of the client, made within its calls ----------------------------------------

    def _on_assign(self, consumer: Consumer, offered: list[TopicPartition]) -> None:
        if self._is_closing:  # a closing client answers nothing, and gives it up at once
            return
        self.errors.assigned()
        self.deferred.begin(consumer, [to_partition(of) for of in offered])

    def _on_revoke(self, consumer: Consumer, revoked: list[TopicPartition]) -> None:
        if ours := self.deferred.give_up(revoked):
            self._assignment.revoke(consumer, ours)

    def _on_lost(self, consumer: Consumer, lost: list[TopicPartition]) -> None:
        self.errors.lost()
        self._assignment.lose(consumer, self.deferred.give_up(lost))

    def _on_commit(self, error: KafkaError | None, offsets: list[TopicPartition]) -> None:
        if error is None:
            self.errors.granted()
        self._assignment.commits.on_answer(self.consumer, error, offsets)

    def on_error(self, error: KafkaError, text: str | None = None) -> None:
        """Note an error, and report it as `text`."""
        if is_about_topic(error):
            self._assignment.logs.doubt()
        self.errors.note(error, text)
