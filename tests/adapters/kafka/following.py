"""What tests of a follower of the journal share: a journal, its real follower, and who listens."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

from tests.runner.harness import until
from tests.support.kafka import Names
from worker.adapters.kafka import TopicIds, admin_config, consumer_config
from worker.adapters.kafka.cached_positions import Reach
from worker.adapters.kafka.journal_client import JournalClient
from worker.adapters.kafka.journal_follower import JournalFollower
from worker.core.remembered_ids import PackedIds, StepMark
from worker.ports import Cache, Follower

HOUR = 3600.0
PARTITIONS = 2


def step(number: int, worker: str = "another", partition: int = 0) -> bytes:
    """The step of a delivery."""
    at = '"at":"2026-11-27T12:00:00.000Z"'
    return (
        f'{{{at},"step":"delivered","event_id":"e-{number}","attempt":1,'
        f'"origin":"conversions/{partition}/{number}","worker":"{worker}"}}'
    ).encode()


class Listener:
    """Remembers what it hears, in its order."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, int] | str] = []
        self.unread: list[str] = []
        self.cached: list[PackedIds] = []
        self.not_cached: list[str] = []
        self.skipped = 0
        self.times: list[float] = []
        self.failure: BaseException | None = None

    def on_marks(self, marks: Sequence[StepMark]) -> None:
        self.heard += [f"e-{mark.known.origin}" for mark in marks]
        self.times += [mark.at for mark in marks]

    def on_cached(self, kept: PackedIds) -> None:
        self.cached.append(kept)

    def on_not_cached(self, why: str) -> None:
        self.not_cached.append(why)

    def on_read(self, number: int, turn: int) -> None:
        self.heard.append(("read", 100 * turn + number))

    def on_unread(self, numbers: Collection[int], why: str) -> None:
        self.unread.append(f"{sorted(numbers)}: {why}")

    def on_skipped(self, count: int) -> None:
        self.skipped += count

    def on_failed(self, error: BaseException) -> None:
        self.failure = error


class World:
    """A journal with two partitions, and its follower."""

    def __init__(self, follower: Follower, write: Callable[[int, bytes], None]) -> None:
        self.follower = follower
        self.write = write
        self.listener = Listener()


@contextmanager
def real(
    bootstrap: str, names: Names, most: int = 1000, cache: Cache | None = None
) -> Iterator[JournalFollower]:
    """A real one."""
    client = JournalClient(consumer_config(bootstrap, names.group, "tests", {}), names.journal)
    with TopicIds(admin_config(bootstrap, "tests", {})) as ids:
        yield JournalFollower(client, "us", Reach(most, HOUR), ids, cache)


async def heard(world: World, *what: str | tuple[str, int]) -> None:
    """Wait until all that was heard is this."""
    try:
        await until("heard", lambda: world.listener.heard == [*what])
    except AssertionError:
        raise AssertionError(f"{world.listener.heard}, not {what}: {world.listener.unread}") from None
