"""Actions in memory: what was done is noted, and nothing is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from worker.console.actions import PendingCounts, ReplayOptions, ReplayPreview
from worker.core.event_filter import EventFilter
from worker.core.orders import RATE, CancelOrder, HurryOrder, Order, OrderEnd, PauseOrder, RateOrder
from worker.ops.errors import CannotDo
from worker.ops.orders import Giver, seconds_of

PREVIEW = ReplayPreview(0, 0, {}, goes_on=False, faults=())


class FakeActions:
    """`done` has a line for each action: its name, its destination, what it was given; `fails` is raised."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str, tuple[Any, ...]]] = []
        self.counts: Mapping[str, int] = {}
        self.preview = PREVIEW
        self.fails: Exception | None = None

    def pause(self, destination: str, giver: Giver, for_: str | None) -> Order:
        self._do("pause", destination, giver, for_)
        return PauseOrder(giver.provenance, giver.until(seconds_of(for_)))

    def resume(self, destination: str, giver: Giver) -> Order | None:
        self._do("resume", destination, giver)
        return None

    def rate(
        self, destination: str, giver: Giver, per_second: float | None, for_: str | None
    ) -> Order | OrderEnd:
        self._do("rate", destination, giver, per_second, for_)
        if per_second is None:
            return OrderEnd(giver.provenance, RATE)
        return RateOrder(giver.provenance, per_second, giver.until(seconds_of(for_)))

    def pending(self, destination: str, wanted: EventFilter, *, waiting: bool) -> PendingCounts:
        del destination, wanted, waiting
        return PendingCounts(self.counts)

    def send_now(self, destination: str, giver: Giver, wanted: EventFilter) -> Order:
        self._do("send_now", destination, giver, wanted)
        return HurryOrder(giver.provenance, "1", wanted)

    def drop(self, destination: str, giver: Giver, wanted: EventFilter) -> Order:
        self._do("drop", destination, giver, wanted)
        return CancelOrder(giver.provenance, "1", wanted, waiting=True)

    def cancel(self, destination: str, giver: Giver, wanted: EventFilter, for_: str | None) -> Order:
        self._do("cancel", destination, giver, wanted, for_)
        return CancelOrder(giver.provenance, "1", wanted, giver.until(seconds_of(for_)))

    def end_cancel(self, destination: str, giver: Giver, cancel_id: str) -> Order:
        self._do("end_cancel", destination, giver, cancel_id)
        return CancelOrder(giver.provenance, cancel_id, EventFilter())

    def preview_replay(self, destination: str, asked: ReplayOptions) -> ReplayPreview:
        del destination, asked
        return self.preview

    def replay(self, destination: str, giver: Giver, asked: ReplayOptions, rate: float | None) -> str | None:
        self._do("replay", destination, giver, asked, rate)
        return "1" if self.preview.going else None

    def go_on(self, destination: str, giver: Giver, replay_id: str, rate: float | None) -> str | None:
        self._do("go_on", destination, giver, replay_id, rate)
        return replay_id

    def stop(self, destination: str, replay_id: str) -> None:
        self._do("stop", destination, replay_id)

    def with_lacking_rights(self, destination: str, error: CannotDo) -> CannotDo:
        del destination
        return error

    def _do(self, name: str, destination: str, *given: Any) -> None:
        if self.fails is not None:
            raise self.fails
        self.done.append((name, destination, given))
