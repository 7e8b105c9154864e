"""Actions performed through Kafka: the commands' orders and replays.

The rule: each does what its command does, with the same count before it; a replay runs in the background.
"""

from __future__ import annotations

import json
import time
from itertools import chain
from typing import TYPE_CHECKING

from worker.console.actions import PendingCounts, ReplayOptions, ReplayPreview
from worker.console.replay_runs import Run
from worker.ops import access, orders, pending
from worker.ops.dead_letters import dlq_reader
from worker.ops.edits import setting
from worker.ops.errors import CannotDo
from worker.ops.filters import read_filters
from worker.ops.hearing import UNHEARD
from worker.ops.orders import Giver
from worker.ops.replaying import Replaying, ReplayRequest
from worker.settings.command_rights import CONSOLE_ACTS
from worker.settings.deployment import choose

if TYPE_CHECKING:
    from worker.console.kafka_watch import KafkaWatch
    from worker.core.event_filter import EventFilter
    from worker.core.orders import Order, OrderEnd
    from worker.settings import Settings


class KafkaActions:
    """The Actions of a watch's deployment; the watch knows the replays."""

    def __init__(self, watch: KafkaWatch) -> None:
        self._watch = watch

    def pause(self, destination: str, giver: Giver, for_: str | None) -> Order:
        """See Actions."""
        return orders.pause(self._settings(destination), giver, orders.seconds_of(for_))

    def resume(self, destination: str, giver: Giver) -> Order | None:
        """See Actions."""
        return orders.resume(self._settings(destination), giver)

    def rate(
        self, destination: str, giver: Giver, per_second: float | None, for_: str | None
    ) -> Order | OrderEnd:
        """See Actions."""
        return orders.limit(self._settings(destination), giver, per_second, orders.seconds_of(for_))

    def pending(self, destination: str, wanted: EventFilter, *, waiting: bool) -> PendingCounts:
        """See Actions."""
        settings = self._settings(destination)
        found = pending.in_tiers(settings, wanted)
        if waiting:
            return PendingCounts(pending.count(found))
        on_source = pending.on_source(self._watch.deployment, settings, wanted)
        return PendingCounts(pending.count(chain(on_source, found)))

    def send_now(self, destination: str, giver: Giver, wanted: EventFilter) -> Order:
        """See Actions."""
        return orders.hurry(self._settings(destination), giver, wanted)

    def drop(self, destination: str, giver: Giver, wanted: EventFilter) -> Order:
        """See Actions."""
        return orders.drop(self._settings(destination), giver, wanted)

    def cancel(self, destination: str, giver: Giver, wanted: EventFilter, for_: str | None) -> Order:
        """See Actions."""
        settings = self._settings(destination)
        seconds = orders.seconds_of(for_) or orders.longest_delay(settings)
        return orders.cancel(settings, giver, wanted, seconds)

    def end_cancel(self, destination: str, giver: Giver, cancel_id: str) -> Order:
        """See Actions."""
        return orders.end_cancel(self._settings(destination), giver, cancel_id)

    def preview_replay(self, destination: str, asked: ReplayOptions) -> ReplayPreview:
        """See Actions."""
        settings, now = self._settings(destination), time.time()
        with dlq_reader(settings) as reader:
            replaying = Replaying(self._watch.deployment, settings, reader, UNHEARD)
            ready = replaying.ready(_asked(asked, _question(asked), Giver("", now), None), now)
        return ReplayPreview(len(ready.left), ready.left_out, ready.refused, ready.goes_on, ready.faults)

    def replay(self, destination: str, giver: Giver, asked: ReplayOptions, rate: float | None) -> str | None:
        """See Actions."""
        return self._begin(destination, _asked(asked, _question(asked), giver, rate))

    def go_on(self, destination: str, giver: Giver, replay_id: str, rate: float | None) -> str | None:
        """See Actions."""
        question = self._watch.question(destination, replay_id)
        return self._begin(destination, _asked(_words(question), question, giver, rate))

    def stop(self, destination: str, replay_id: str) -> None:
        """See Actions."""
        self._watch.runs.stop(destination, replay_id)
        self._watch.touch(destination)

    def with_lacking_rights(self, destination: str, error: CannotDo) -> CannotDo:
        """See Actions."""
        return access.with_lacking_rights(self._settings(destination), CONSOLE_ACTS, error)

    def _settings(self, destination: str) -> Settings:
        return choose(self._watch.deployment, destination)

    def _begin(self, destination: str, asked: ReplayRequest) -> str | None:
        run = Run(self._watch.deployment, self._settings(destination), asked)
        begun = self._watch.runs.start(destination, run)
        self._watch.touch(destination)
        return begun


def _question(asked: ReplayOptions) -> str:
    """The question as `dlq replay` writes it, so that either can continue the other's replays."""
    return json.dumps({name: given for name, given in asked._asdict().items() if given}, sort_keys=True)


def _words(question: str) -> ReplayOptions:
    """Parse a question; raise CannotDo if this console can't ask it."""
    try:
        return ReplayOptions(**json.loads(question))
    except (ValueError, TypeError):
        hint = "give the same command again: it goes on where it was broken off"
        raise CannotDo(["this replay was asked for in a way that the console does not know"], hint) from None


def _asked(asked: ReplayOptions, question: str, giver: Giver, rate: float | None) -> ReplayRequest:
    """Parse a replay's options; raise WrongUsage."""
    filters = read_filters(
        now=giver.now,
        reasons=asked.reason,
        status=asked.status,
        event_id=asked.event_id,
        click_id=asked.click_id,
        since=asked.since,
        until=asked.until,
        offer_id=asked.offer_id,
        network=asked.network,
        error=asked.error,
    )
    return ReplayRequest(
        filters, asked.limit, asked.again, setting(asked.set_), question, giver.by or None, rate
    )
