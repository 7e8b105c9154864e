"""The values that the pages show, and the Watch that provides them.

The rules: values are immutable; a change makes a new one. Viewers never wait for Kafka: `snapshot` returns
what is known so far, and the progress of reading. Methods that may take long say so; a thread calls them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from worker.core.event_filter import EventFilter
from worker.core.last_hour import Minute
from worker.core.undelivered import GroupKey, UndeliveredGroup, UndeliveredState
from worker.ops.filters import Filters

if TYPE_CHECKING:
    from schemas import DeadLetter
    from worker.ops.errors import CannotDo
    from worker.ops.explain import Explanation
    from worker.ops.explain_reading import SoughtConversion
    from worker.ops.status import Status
    from worker.settings import Settings


class Trouble(NamedTuple):
    """Why something can't be read now: a line for each reason, and what to do if that is known."""

    reasons: Sequence[str]
    hint: str | None = None


def failed(error: Exception) -> Trouble:
    """The trouble to show if the console itself has failed."""
    return Trouble([f"the console reads no more: {error!r}"], "start the console again")


def trouble_of(settings: Settings, error: CannotDo) -> Trouble:
    """The trouble to show if Kafka can't be read; it names the missing right if that is the cause."""
    from worker.ops.access import with_lacking_rights

    why = with_lacking_rights(settings, "console", error)
    return Trouble(why.reasons, why.hint)


class LoadProgress(NamedTuple):
    """The progress of reading what the topics held at the beginning: `read` of `of` records.

    It is 0 of 1 until the number is known.
    """

    read: int = 0
    of: int = 1

    @property
    def is_whole(self) -> bool:
        """Whether all of it is read."""
        return self.read >= self.of


class ReplayState(StrEnum):
    """The state of a replay."""

    RUNNING = "running"
    """This console sends it."""
    ELSEWHERE = "elsewhere"
    """Another process sends it: it claimed it within the last seconds."""
    INTERRUPTED = "interrupted"
    """Nobody sends it, and it is not done; `go_on` continues it and sends nothing twice."""
    DONE = "done"


class Replay(NamedTuple):
    """A replay of the last hour, or an unfinished one: `sent` of `total` are in the source topic.

    `question` holds its options; `by` is who asked, if known; `at` is when (epoch seconds). `sent` is None
    until it is known. `troubles` say why it did not end well. `rate` is its bound per second; None is no
    bound.
    """

    id: str
    state: ReplayState
    at: float
    by: str | None
    question: Mapping[str, object]
    sent: int | None
    total: int
    troubles: Sequence[str] = ()
    rate: float | None = None


class DestinationSnapshot(NamedTuple):
    """All that is known of a destination at one moment (epoch seconds).

    `version` grows with each change. `status` is None, and the others are empty, until they are first read;
    with `trouble`, they are the last known. `hour` holds the last sixty minutes, oldest first; without a
    journal, it counts only published events. `undelivered` holds the groups, largest first; `unread` counts
    older rows that are not held.
    """

    destination: str
    version: int = 0
    at: float = 0.0
    status: Status | None = None
    trouble: Trouble | None = None
    progress: LoadProgress = LoadProgress()
    hour: Sequence[Minute] = ()
    undelivered: Sequence[UndeliveredGroup] = ()
    unread: int = 0
    replays: Sequence[Replay] = ()


class RowsQuery(NamedTuple):
    """The rows wanted: the newest of a kind, and of a group if one is named.

    Dead letters must pass `filters`, waiting conversions `wanted`, as in `dlq list` and `waiting list`.
    """

    kind: UndeliveredState
    group: GroupKey | None = None
    filters: Filters = Filters()
    wanted: EventFilter = EventFilter()
    limit: int = 100


class UndeliveredRow(NamedTuple):
    """One undelivered conversion: its whole record, and its state.

    `where` is the place as the commands write it (`0/17`, `10s 0/17`); `place` is the argument for `row`.
    `reason` is why it waits or died; `due_at` (epoch seconds) is None for a dead letter. `ended` is why it is
    no longer listed: `replayed`, `delivered` or `ended`.
    """

    kind: UndeliveredState
    place: str
    where: str
    reason: str | None
    due_at: float | None
    letter: DeadLetter
    ended: str | None = None


class RowsPage(NamedTuple):
    """Rows, newest first, and the number of all matches; None if not all were read."""

    rows: Sequence[UndeliveredRow]
    matched: int | None


class Watch(Protocol):
    """Reads Kafka once for all viewers; viewers delay neither it nor each other."""

    @property
    def version(self) -> int:
        """A number that grows with each change of any destination."""
        ...

    def start(self) -> None:
        """Start reading; call it on the event loop that awaits `changed`."""
        ...

    def close(self) -> None:
        """Stop reading, within bounds; idempotent."""
        ...

    def snapshot(self, destination: str) -> DestinationSnapshot:
        """What is known now, at once. Raises KeyError for an unknown destination."""
        ...

    async def changed(self, after: int, within: float) -> int:
        """Return the version once it is above `after`, or after `within` seconds."""
        ...

    def rows(self, destination: str, asked: RowsQuery) -> RowsPage:
        """Read rows, which takes seconds; call it in a thread. Raises CannotDo."""
        ...

    def row(self, destination: str, place: str) -> UndeliveredRow:
        """Read one whole row by its `place`; call it in a thread. Raises CannotDo if there is none."""
        ...

    def search(self, wanted: SoughtConversion, since: str) -> Sequence[Explanation]:
        """What `explain` finds at all destinations; call it in a thread. Raises CannotDo."""
        ...
