"""What can be done from the page: the commands' orders and replays, each with who does it.

The rules: an action counts and asks as its command does. All of them ask Kafka, and are called in a thread.
All raise CannotDo, and WrongUsage for what can't be asked so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from worker.core.event_filter import EventFilter
    from worker.core.orders import End, Order
    from worker.ops.errors import CannotDo
    from worker.ops.orders import Giver


class ReplayAsked(NamedTuple):
    """What a replay is asked for in words, as the options of `dlq replay` take them; empty ones say nothing.

    `set_` are `FIELD=VALUE`; `limit` 0 is all.
    """

    reason: Sequence[str] = ()
    status: int | None = None
    event_id: str | None = None
    click_id: str | None = None
    since: str | None = None
    until: str | None = None
    offer_id: str | None = None
    network: str | None = None
    error: str | None = None
    limit: int = 0
    again: bool = False
    set_: Sequence[str] = ()


class ReplayPreview(NamedTuple):
    """What a replay would send: `going`; `left_out` went already, `refused` would only die again, by reason.

    `goes_on` says that it was begun before, `faults` are lines on what is edited wrongly: then nothing goes.
    """

    going: int
    left_out: int
    refused: Mapping[str, int]
    goes_on: bool
    faults: Sequence[str]


class Pendings(NamedTuple):
    """How many are meant now, by where they lie: on the `source`, or in a tier, named by its delay."""

    counts: Mapping[str, int]

    @property
    def total(self) -> int:
        """How many in all."""
        return sum(self.counts.values())


class Actions(Protocol):
    """Does it; `destination` is a name. Raises KeyError for one that there is not."""

    def pause(self, destination: str, giver: Giver, for_: str | None) -> Order:
        """Have nothing sent, for so long (`30m`), or until `resume`."""
        ...

    def resume(self, destination: str, giver: Giver) -> Order | None:
        """End the pause; return the one that stood."""
        ...

    def rate(self, destination: str, giver: Giver, per_second: float | None, for_: str | None) -> Order | End:
        """Have at most so many attempts made a second; None ends that."""
        ...

    def pending(self, destination: str, wanted: EventFilter, *, waiting: bool) -> Pendings:
        """How many are meant of what is pending, or of what waits in the tiers alone."""
        ...

    def send_now(self, destination: str, giver: Giver, wanted: EventFilter) -> Order:
        """Have what waits and is meant be due at once, as `waiting now` does."""
        ...

    def drop(self, destination: str, giver: Giver, wanted: EventFilter) -> Order:
        """Have what waits and is meant end as cancelled, as `waiting drop` does."""
        ...

    def cancel(self, destination: str, giver: Giver, wanted: EventFilter, for_: str | None) -> Order:
        """Have what is pending and meant end as cancelled, and what comes meanwhile, as `cancel` does."""
        ...

    def end_cancel(self, destination: str, giver: Giver, cancel_id: str) -> Order:
        """End a cancellation; return it."""
        ...

    def preview_replay(self, destination: str, asked: ReplayAsked) -> ReplayPreview:
        """Say what would go, as `dlq replay --dry-run` does; nothing is written."""
        ...

    def replay(self, destination: str, giver: Giver, asked: ReplayAsked, rate: float | None) -> str | None:
        """Begin a replay and return its id; None where nothing is left to send.

        It goes on by itself; how far it is, `Seen.replays` tells.
        """
        ...

    def go_on(self, destination: str, giver: Giver, replay_id: str, rate: float | None) -> str | None:
        """Go on with one that was broken off; None where nothing was left to send, and it is done now."""
        ...

    def stop(self, destination: str, replay_id: str) -> None:
        """Break off a replay that this console sends; `go_on` goes on with it."""
        ...

    def told(self, destination: str, error: CannotDo) -> CannotDo:
        """Why something could not be done, as it is shown: which right is lacking, where that is it."""
        ...
