"""What can be done from the page: the commands' orders and replays, each with the name of who acts.

The rules: an action counts and confirms as its command does. All methods call Kafka and run in a thread;
all raise CannotDo, or WrongUsage for a malformed request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from worker.core.event_filter import EventFilter
    from worker.core.orders import Order, OrderEnd
    from worker.ops.errors import CannotDo
    from worker.ops.orders import Giver


class ReplayOptions(NamedTuple):
    """A replay's options as text, as `dlq replay` takes them; empty ones are not given.

    `set_` holds `FIELD=VALUE` items; `limit` 0 is all.
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
    """What a replay would send: `going`. `left_out` were sent before; `refused` would only die again.

    `goes_on` is true if it was begun before. `faults` are lines about wrong edits; with any, nothing is sent.
    """

    going: int
    left_out: int
    refused: Mapping[str, int]
    goes_on: bool
    faults: Sequence[str]


class PendingCounts(NamedTuple):
    """The number of matches now: in the `source` topic, and in each tier by its delay."""

    counts: Mapping[str, int]

    @property
    def total(self) -> int:
        """The total number of matches."""
        return sum(self.counts.values())


class Actions(Protocol):
    """Performs actions; `destination` is a name. Raises KeyError for an unknown one."""

    def pause(self, destination: str, giver: Giver, for_: str | None) -> Order:
        """Stop sending for a time (`30m`), or until `resume`."""
        ...

    def resume(self, destination: str, giver: Giver) -> Order | None:
        """End the pause and return it; None if there was none."""
        ...

    def rate(
        self, destination: str, giver: Giver, per_second: float | None, for_: str | None
    ) -> Order | OrderEnd:
        """Bound the attempts per second; None removes the bound."""
        ...

    def pending(self, destination: str, wanted: EventFilter, *, waiting: bool) -> PendingCounts:
        """Count the matches among all pending conversions, or only in the tiers if `waiting`."""
        ...

    def send_now(self, destination: str, giver: Giver, wanted: EventFilter) -> Order:
        """Make the waiting matches due at once, as `waiting now` does."""
        ...

    def drop(self, destination: str, giver: Giver, wanted: EventFilter) -> Order:
        """End the waiting matches as cancelled, as `waiting drop` does."""
        ...

    def cancel(self, destination: str, giver: Giver, wanted: EventFilter, for_: str | None) -> Order:
        """End the pending matches, and new ones, as cancelled, as `cancel` does."""
        ...

    def end_cancel(self, destination: str, giver: Giver, cancel_id: str) -> Order:
        """End a cancellation; return it."""
        ...

    def preview_replay(self, destination: str, asked: ReplayOptions) -> ReplayPreview:
        """Say what would be sent, as `dlq replay --dry-run` does; write nothing."""
        ...

    def replay(self, destination: str, giver: Giver, asked: ReplayOptions, rate: float | None) -> str | None:
        """Begin a replay and return its id; None if nothing is left to send.

        It runs in the background; `DestinationSnapshot.replays` tells its progress.
        """
        ...

    def go_on(self, destination: str, giver: Giver, replay_id: str, rate: float | None) -> str | None:
        """Continue an interrupted replay; None if nothing was left to send, so that it is done now."""
        ...

    def stop(self, destination: str, replay_id: str) -> None:
        """Interrupt a replay that this console sends; `go_on` continues it."""
        ...

    def with_lacking_rights(self, destination: str, error: CannotDo) -> CannotDo:
        """The error to show: it names the missing right if that is the cause."""
        ...
