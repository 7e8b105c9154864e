"""A Watch that reads Kafka: two threads for each destination, however many look.

The rules: what is seen is made by those threads, at most a few times a second, and handed out as it is. One
follows the topics (`following.py`), the other asks for the status, as the command does, but for what is
followed.
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
from worker.console.following import CLOSE_WITHIN_SECONDS, Following
from worker.console.replay_runs import Runs
from worker.console.seen import Row, Rows, RowsAsked, Seen, Trouble, failed, trouble_of
from worker.ops import explain
from worker.ops.broker import answering, asking
from worker.ops.errors import CannotDo
from worker.ops.latest_steps import RECENT_SECONDS
from worker.ops.status import DestinationWatcher, Status

if TYPE_CHECKING:
    from worker.adapters.kafka.login import Login
    from worker.adapters.kafka.topic_ids import TopicIds
    from worker.ops.explain import Explained
    from worker.ops.explain_reading import Wanted
    from worker.settings import Deployment, Settings

STATUS_SECONDS = 2.0
"""Between two looks at how a destination does."""

SEEN_SECONDS = 0.5
"""Between two values of what is seen, at least; more where making one takes long."""

DEAREST_SHARE = 0.05
"""Of its time a thread spends so much at most on making what is seen."""

MOST_ROWS = 300_000
"""Of what is undelivered so much is held, of all destinations together."""

FEWEST_ROWS = 20_000
"""And of one destination so much at least may be."""


class KafkaWatch:
    """A Watch of a deployment; `runs` are the replays that are sent from here.

    `login` is what Kafka's clients log in with, which may change; `deployment` has what it is now.
    """

    def __init__(self, deployment: Deployment, login: Login | None = None) -> None:
        from worker.adapters.kafka.login import Login, Renewed
        from worker.adapters.kafka.topic_ids import TopicIds

        self.deployment, self._login = deployment, login or Login()
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
        self._login.have(Renewed(self._renew))

    @property
    def version(self) -> int:
        """See Watch."""
        return self._version

    def start(self) -> None:
        """See Watch. Raises CannotDo where no client can be made."""
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
        """Log in anew, with the next client that is made, and make those anew that stay open."""
        self.deployment = self.deployment.with_properties(self._login.properties)
        for one, settings in zip(self._watched.values(), self.deployment.destinations, strict=True):
            one.renew(settings)

    def seen(self, destination: str) -> Seen:
        """See Watch."""
        return self._watched[destination].seen

    async def changed(self, after: int, within: float) -> int:
        """See Watch."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self._version <= after:
                    await self._changed.wait()
        return self._version

    def rows(self, destination: str, asked: RowsAsked) -> Rows:
        """See Watch."""
        one = self._watched[destination]
        return rows.rows(one.settings, one.following.known, asked)

    def row(self, destination: str, place: str) -> Row:
        """See Watch."""
        one = self._watched[destination]
        return rows.row(one.settings, one.following.known, place)

    def search(self, wanted: Wanted, since: str) -> Sequence[Explained]:
        """See Watch."""
        return explain.explain(self.deployment, wanted, since, time.time())

    def question(self, destination: str, replay_id: str) -> str:
        """In which words a replay was asked for that is not done; raise CannotDo where there is none."""
        question = self._watched[destination].following.known.question(replay_id)
        if question is None:
            raise CannotDo([f"there is no replay {replay_id} that could go on"])
        return question

    def touch(self, destination: str) -> None:
        """Have what is seen made anew: something has changed that these threads do not read."""
        self._watched[destination].touch()

    def _show(self, put: Callable[[int], None]) -> None:
        """Have another value shown, as the next version; who waits for one is woken once it is there."""
        with self._lock:
            put(self._version + 1)
            self._version += 1
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class _Watched:
    """One destination: its two threads, and what is seen of it."""

    def __init__(
        self,
        settings: Settings,
        ids: TopicIds,
        most: int,
        show: Callable[[Callable[[int], None]], None],
        runs: Runs,
    ) -> None:
        self.settings = settings
        self.following = Following(settings, ids, most, self._make_in_time)
        self.seen = Seen(settings.destination.name)
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
        """Have what is seen made anew, soon."""
        self._make_at = 0.0

    def _ask(self) -> None:
        with closing(self._watcher):
            self._ask_again_and_again()

    def _ask_again_and_again(self) -> None:
        while not self._closing.is_set():
            begun = time.monotonic()
            followed = self.following.known.followed(time.time(), RECENT_SECONDS)
            try:
                self._status, self._trouble = self._watcher.look(followed), None
            except CannotDo as error:
                self._trouble = trouble_of(self.settings, error)
            except Exception as error:
                self._trouble = failed(error)
                self._make()
                raise
            self._make()
            self._closing.wait(max(0.1, begun + STATUS_SECONDS - time.monotonic()))

    def _put(self, seen: Seen) -> None:
        self.seen = seen

    def _make_in_time(self) -> None:
        if time.monotonic() >= self._make_at:
            self._make()

    def _make(self) -> None:
        """Put together what is seen now."""
        with self._making:
            begun = time.monotonic()
            known, now, name = self.following.known, time.time(), self.seen.destination
            with known.lock:
                told = Seen(
                    name,
                    at=now,
                    status=self._status,
                    trouble=self._trouble or self.following.trouble,
                    progress=known.progress(),
                    hour=known.minutes(now),
                    undelivered=known.undelivered.groups(),
                    unread=known.unread + known.undelivered.forgotten,
                    replays=[self._runs.told(name, one) for one in known.replays.shown(now)],
                )
            if told._replace(at=self.seen.at, version=self.seen.version) != self.seen:
                self._show(lambda version: self._put(told._replace(version=version)))
            took = time.monotonic() - begun
            self._make_at = time.monotonic() + max(SEEN_SECONDS, took / DEAREST_SHARE)
