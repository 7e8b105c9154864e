"""A Watch that reads Kafka, with two threads per destination however many viewers there are.

The rules: only these threads make a snapshot, at most a few times a second; all viewers share it. One thread
follows the topics (`following.py`); the other asks for the status, as the command does, except for what the
first one knows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from worker.adapters.process.memory import keep_little
from worker.console import rows
from worker.console.following import CLOSE_WITHIN_SECONDS, DestinationFollower
from worker.console.replay_runs import Runs
from worker.console.watch import (
    DestinationSnapshot,
    RowsPage,
    RowsQuery,
    Trouble,
    UndeliveredRow,
    failed,
    trouble_of,
)
from worker.ops import explain
from worker.ops.broker import answering, asking
from worker.ops.errors import CannotDo
from worker.ops.latest_steps import RECENT_SECONDS
from worker.ops.status import DestinationWatcher, Status

if TYPE_CHECKING:
    from worker.adapters.kafka.login import KafkaLogin
    from worker.adapters.kafka.topic_ids import TopicIds
    from worker.ops.explain import Explanation
    from worker.ops.explain_reading import SoughtConversion
    from worker.ops.looking import FollowedTopics
    from worker.settings import Deployment, Settings

STATUS_SECONDS = 2.0
"""Between two looks at a destination's status."""

SEEN_SECONDS = 0.5
"""The least time between two snapshots; more if making one takes long."""

DEAREST_SHARE = 0.05
"""The most of its time that a thread spends on making snapshots."""

MOST_ROWS = 300_000
"""The most undelivered rows held for all destinations together."""

FEWEST_ROWS = 20_000
"""The share of rows that each destination may hold at least."""


class KafkaWatch:
    """A Watch of a deployment; `runs` are the replays sent from this console.

    `login` is the Kafka clients' login, which may change; `deployment` holds the current one.
    """

    def __init__(self, deployment: Deployment, login: KafkaLogin | None = None) -> None:
        from worker.adapters.kafka.login import KafkaLogin, RenewingOwner
        from worker.adapters.kafka.topic_ids import TopicIds

        self.deployment, self._login = deployment, login or KafkaLogin()
        keep_little()
        self.runs = Runs()
        self._version = 0
        self._lock = Lock()
        self._ids = TopicIds(self._login.keep(asking(deployment.common)))
        most = max(FEWEST_ROWS, MOST_ROWS // len(deployment.destinations))
        self._watched = {
            one.destination.name: _Watched(one, self._ids, most, self._show, self.runs)
            for one in deployment.destinations
        }
        self._login.have(self._ids)
        self._login.have(RenewingOwner(self._renew))

    @property
    def version(self) -> int:
        """See Watch."""
        return self._version

    def start(self) -> None:
        """See Watch. Raises CannotDo if no client can be made."""
        self._loop, self._changed = asyncio.get_running_loop(), asyncio.Event()
        one = next(iter(self._watched.values()))
        with answering(one.settings):
            self._ids.start()
        for one in self._watched.values():
            one.start()

    def close(self) -> None:
        """See Watch."""
        self.runs.close()
        for one in self._watched.values():
            one.close()
        for one in self._watched.values():
            one.join()
        self._ids.close()

    def _renew(self) -> None:
        """Use the new login for new clients, and replace the long-lived ones."""
        self.deployment = self.deployment.with_properties(self._login.properties)
        for one, settings in zip(self._watched.values(), self.deployment.destinations, strict=True):
            one.renew(settings)

    def snapshot(self, destination: str) -> DestinationSnapshot:
        """See Watch."""
        return self._watched[destination].snapshot

    async def changed(self, after: int, within: float) -> int:
        """See Watch."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self._version <= after:
                    await self._changed.wait()
        return self._version

    def rows(self, destination: str, asked: RowsQuery) -> RowsPage:
        """See Watch."""
        one = self._watched[destination]
        return rows.rows(one.settings, one.following.index, asked)

    def row(self, destination: str, place: str) -> UndeliveredRow:
        """See Watch."""
        one = self._watched[destination]
        return rows.row(one.settings, one.following.index, place)

    def search(self, wanted: SoughtConversion, since: str) -> Sequence[Explanation]:
        """See Watch."""
        return explain.explain(self.deployment, wanted, since, time.time())

    def question(self, destination: str, replay_id: str) -> str:
        """The question of an unfinished replay; raise CannotDo if there is none of this id."""
        question = self._watched[destination].following.index.question(replay_id)
        if question is None:
            raise CannotDo([f"there is no replay {replay_id} that could go on"])
        return question

    def touch(self, destination: str) -> None:
        """Have a new snapshot made, after a change that these threads do not read."""
        self._watched[destination].touch()

    def _show(self, put: Callable[[int], None]) -> None:
        """Publish a new value as the next version, and wake those who wait for one."""
        with self._lock:
            put(self._version + 1)
            self._version += 1
        with suppress(RuntimeError):  # the loop is closed, so nobody waits
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class _Watched:
    """One destination: its two threads and its latest snapshot."""

    def __init__(
        self,
        settings: Settings,
        ids: TopicIds,
        most: int,
        show: Callable[[Callable[[int], None]], None],
        runs: Runs,
    ) -> None:
        self.settings = settings
        self.following = DestinationFollower(settings, ids, most, self._make_in_time)
        self.snapshot = DestinationSnapshot(settings.destination.name)
        self._show, self._runs = show, runs
        self._watcher = DestinationWatcher(settings)
        self._status: Status | None = None
        self._trouble: Trouble | None = None
        self._closing = Event()
        self._making = Lock()
        self._make_at = 0.0
        self._asking = Thread(target=self._ask, name="console-status", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self.following.start()
        self._asking.start()

    def close(self) -> None:
        """Read no more."""
        self.following.close()
        self._closing.set()

    def join(self) -> None:
        """Wait for the threads, within bounds."""
        self.following.join()
        self._asking.join(CLOSE_WITHIN_SECONDS)

    def renew(self, settings: Settings) -> None:
        """Go on with clients that log in with what these settings have."""
        self.settings = settings
        self.following.renew(settings)
        self._watcher.renew(settings)

    def touch(self) -> None:
        """Have a new snapshot made soon."""
        self._make_at = 0.0

    def _ask(self) -> None:
        with closing(self._watcher):
            self._ask_again_and_again()

    def _ask_again_and_again(self) -> None:
        while not self._closing.is_set():
            begun = time.monotonic()
            try:
                self._status, self._trouble = self._watcher.look(self._followed()), None
            except CannotDo as error:
                self._trouble = trouble_of(self.settings, error)
            except Exception as error:
                self._trouble = failed(error)
                self._make()
                raise
            self._make()
            self._closing.wait(max(0.1, begun + STATUS_SECONDS - time.monotonic()))

    def _followed(self) -> FollowedTopics | None:
        """What the status need not ask for; None where that is read no more, or not yet."""
        if self.following.trouble is not None:
            return None
        return self.following.index.followed(time.time(), RECENT_SECONDS)

    def _put(self, snapshot: DestinationSnapshot) -> None:
        self.snapshot = snapshot

    def _make_in_time(self) -> None:
        if time.monotonic() >= self._make_at:
            self._make()

    def _make(self) -> None:
        """Make the snapshot of this moment."""
        with self._making:
            begun = time.monotonic()
            index, now, name = self.following.index, time.time(), self.snapshot.destination
            with index.lock:
                told = DestinationSnapshot(
                    name,
                    at=now,
                    status=self._status,
                    trouble=self._trouble or self.following.trouble,
                    progress=index.progress(),
                    hour=index.minutes(now),
                    undelivered=index.undelivered.groups(),
                    unread=index.unread + index.undelivered.forgotten,
                    replays=[self._runs.updated(name, one) for one in index.replays.shown(now)],
                )
            if told._replace(at=self.snapshot.at, version=self.snapshot.version) != self.snapshot:
                self._show(lambda version: self._put(told._replace(version=version)))
            took = time.monotonic() - begun
            self._make_at = time.monotonic() + max(SEEN_SECONDS, took / DEAREST_SHARE)
