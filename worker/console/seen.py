"""What the console knows, as values, and who knows it: what the pages are built on.

The rules: a value that was handed out never changes; what changed is another value. Whoever looks never waits
for Kafka: `seen` tells what is known so far, and how far the reading is. What may take a while says so: it is
called in a thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from worker.core.event_filter import EventFilter
from worker.core.last_hour import Minute
from worker.core.undelivered import Group, GroupKey, Kind
from worker.ops.filters import Filters

if TYPE_CHECKING:
    from schemas import DeadLetter
    from worker.ops.errors import CannotDo
    from worker.ops.explain import Explained
    from worker.ops.explain_reading import Wanted
    from worker.ops.status import Status
    from worker.settings import Settings


class Trouble(NamedTuple):
    """Why something can't be read now: a line for each reason, and what to do where that is known."""

    reasons: Sequence[str]
    hint: str | None = None


def failed(error: Exception) -> Trouble:
    """What is said where the console itself has failed."""
    return Trouble([f"the console reads no more: {error!r}"], "start the console again")


def trouble_of(settings: Settings, error: CannotDo) -> Trouble:
    """What is said where Kafka can't be read: which right is lacking, where that is why."""
    from worker.ops.access import told

    why = told(settings, "console", error)
    return Trouble(why.reasons, why.hint)


class Progress(NamedTuple):
    """How much was read of what was there at the beginning: `read` of `of` records.

    Before it is known how much that is, it is nothing of one.
    """

    read: int = 0
    of: int = 1

    @property
    def is_whole(self) -> bool:
        """Whether all of it was."""
        return self.read >= self.of


class ReplayState(StrEnum):
    """How a replay stands."""

    RUNNING = "running"
    """This console sends it."""
    ELSEWHERE = "elsewhere"
    """Another process sends it, as far as is known: it said so within the last seconds."""
    INTERRUPTED = "interrupted"
    """Nobody sends it, and it is not done: `go_on` goes on with it, and sends nothing twice."""
    DONE = "done"


class Replay(NamedTuple):
    """A replay of the last hour, or one that is not done: so many of a total are on the source.

    `question` is what was asked for, in words; `by` is who asked, where that is known, `at` when (epoch
    seconds). `sent` is None where it is not known yet. `troubles` tell why it did not end well. `rate` is how
    many it was to send a second at most; None is all at once.
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


class Seen(NamedTuple):
    """All that is known of a destination at a moment (epoch seconds).

    `version` grows with each change. `status` is None, and the others are empty, until they were read once;
    where `trouble` is said they are what was known last. `hour` has a minute for each of the last sixty, the
    oldest first; nothing but what was published is in it where no journal is kept. `undelivered` are the
    groups, the most first; of so many as `unread`, older than those that are held, nothing is known.
    """

    destination: str
    version: int = 0
    at: float = 0.0
    status: Status | None = None
    trouble: Trouble | None = None
    progress: Progress = Progress()
    hour: Sequence[Minute] = ()
    undelivered: Sequence[Group] = ()
    unread: int = 0
    replays: Sequence[Replay] = ()


class RowsAsked(NamedTuple):
    """Which rows are wanted: the newest of a kind, and of a group where one is named.

    What is dead must pass `filters`, what waits `wanted`: as `dlq list` and `waiting list` mean them.
    """

    kind: Kind
    group: GroupKey | None = None
    filters: Filters = Filters()
    wanted: EventFilter = EventFilter()
    limit: int = 100


class Row(NamedTuple):
    """One conversion that is not delivered: its record whole, and how it stands.

    `where` is the place as the commands write it (`0/17`, `10s 0/17`), `place` is what `row` takes. `reason`
    is why it waits or died; `due_at` (epoch seconds) is None for a dead one. `ended` says of one that is not
    listed any more why that is: `replayed`, `delivered`, `ended`.
    """

    kind: Kind
    place: str
    where: str
    reason: str | None
    due_at: float | None
    letter: DeadLetter
    ended: str | None = None


class Rows(NamedTuple):
    """Rows, the newest first, and how many pass in all; None where it is not known, for not all were read."""

    rows: Sequence[Row]
    matched: int | None


class Watch(Protocol):
    """Reads Kafka once for however many viewers; they hold up neither it nor each other."""

    @property
    def version(self) -> int:
        """A number that grows with each change of any destination."""
        ...

    def start(self) -> None:
        """Begin to read; called on the event loop that `changed` is awaited on."""
        ...

    def close(self) -> None:
        """Read no more; within bounds, idempotent."""
        ...

    def seen(self, destination: str) -> Seen:
        """What is known now; at once. Raises KeyError for a destination that there is not."""
        ...

    async def changed(self, after: int, within: float) -> int:
        """Return the version once it is above `after`, or what it is when so many seconds have passed."""
        ...

    def rows(self, destination: str, asked: RowsAsked) -> Rows:
        """Read rows, for a second or a few; in a thread. Raises CannotDo."""
        ...

    def row(self, destination: str, place: str) -> Row:
        """Read one row whole by its `place`; in a thread. Raises CannotDo where there is none."""
        ...

    def search(self, wanted: Wanted, since: str) -> Sequence[Explained]:
        """What `explain` finds at all destinations; in a thread. Raises CannotDo."""
        ...
