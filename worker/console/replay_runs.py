"""The replays that this console sends, each in its own thread.

The rule: a run sends what `dlq replay` would, by the same plan, so any console or command can continue it
after whatever ended it. A run is remembered as long as there is something to report.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from threading import Lock, Thread
from typing import TYPE_CHECKING

from worker.console.watch import Replay, ReplayState
from worker.ops import publishing
from worker.ops.access import rights_lacking
from worker.ops.dead_letters import dlq_reader
from worker.ops.errors import CannotDo
from worker.ops.hearing import UNHEARD, Hearing
from worker.ops.publishing import Words
from worker.ops.replay import items_of
from worker.ops.replaying import PreparedReplay, Replaying, ReplayRequest
from worker.ops.source import source_publisher
from worker.settings.command_rights import CONSOLE_ACTS

if TYPE_CHECKING:
    from worker.adapters.kafka.bulk_publisher import BulkPublisher
    from worker.ops.plan_lease import PlanLease
    from worker.settings import Deployment, Settings

WORDS = Words("replayed", "dead letter", "dead letters")
CLOSE_WITHIN_SECONDS = 5.0
STOPPED = "it was broken off from the console"


class Run:
    """One run of a destination's replay."""

    def __init__(self, deployment: Deployment, settings: Settings, asked: ReplayRequest) -> None:
        self._deployment, self._settings, self._asked = deployment, settings, asked
        self._publisher: BulkPublisher | None = None
        self._before = 0
        self._stopping = False
        self.troubles: tuple[str, ...] = ()
        self.begun: Future[str | None] = Future()
        """The replay's id, once its plan is written; None if nothing was left to send."""
        self.thread = Thread(target=self._run, name="console-replay", daemon=True)

    @property
    def rate(self) -> float | None:
        """The most sent per second; None is no bound."""
        return self._asked.rate

    @property
    def is_running(self) -> bool:
        """Whether it is still sending."""
        return self.thread.is_alive()

    @property
    def sent(self) -> int:
        """How many of the replay are in the source topic."""
        return self._before + (0 if self._publisher is None else self._publisher.acknowledged)

    def stop(self) -> None:
        """Interrupt it."""
        self._stopping = True

    def _run(self) -> None:
        try:
            with dlq_reader(self._settings) as reader:
                hearing = Hearing(self._look, self._look)
                replaying = Replaying(self._deployment, self._settings, reader, hearing)
                ready = replaying.ready(self._asked, time.time())
                self._send(replaying, ready)
        except Exception as error:
            self._fail(error)

    def _send(self, replaying: Replaying, ready: PreparedReplay) -> None:
        """Publish what is left, and write that the replay is done if all was acknowledged."""
        if ready.faults:
            raise CannotDo(ready.faults)
        self._before = ready.left_out if ready.goes_on else 0
        if ready.left or ready.goes_on:
            with replaying.begun(ready) as holding:
                if ready.left:
                    self.begun.set_result(ready.plan.id)
                if self._publish(replaying, ready, holding):
                    replaying.end(ready)
        if not ready.left:
            self.begun.set_result(None)

    def _publish(self, replaying: Replaying, ready: PreparedReplay, holding: PlanLease) -> bool:
        """Publish what is left; return whether all of it was acknowledged."""
        topic = self._settings.kafka.topic
        self._publisher = source_publisher(self._settings, lambda: self._stopping, UNHEARD.waits)
        items = items_of(replaying.letters(ready), ready.outbound, self._asked.rate, lambda letters: letters)
        account = publishing.deliver(
            self._publisher, holding.while_ours(items, lambda: self._stopping), len(ready.left), WORDS, topic
        )
        told = (STOPPED,) if account.interrupted else ()
        self.troubles = (*told, *self._lacking(account.troubles), *account.troubles)
        return not self.troubles

    def _look(self, _text: str) -> None:
        """Go on, unless interrupted; the page shows the waiting by its unsent count."""
        if self._stopping:
            raise CannotDo([STOPPED])

    def _lacking(self, troubles: Sequence[str]) -> Sequence[str]:
        """The missing rights, if they are the cause."""
        return rights_lacking(self._settings, CONSOLE_ACTS, troubles)

    def _fail(self, error: Exception) -> None:
        if not self.begun.done():
            self.begun.set_exception(error)
        elif isinstance(error, CannotDo):
            self.troubles = (*self.troubles, *self._lacking(error.reasons), *error.reasons)
        else:
            self.troubles = (*self.troubles, f"it failed: {error!r}")
            raise error


class Runs:
    """The runs of this console, by destination and replay."""

    def __init__(self) -> None:
        self._runs: dict[tuple[str, str], Run] = {}
        self._beginning: set[Run] = set()
        self._lock = Lock()

    def start(self, destination: str, run: Run) -> str | None:
        """Start a run and return its replay's id, as `Run.begun` does. Raises CannotDo."""
        with self._lock:
            self._beginning.add(run)
        try:
            run.thread.start()
            replay_id = run.begun.result()
            if replay_id is not None:
                with self._lock:
                    self._runs[destination, replay_id] = run
        finally:
            with self._lock:
                self._beginning.discard(run)
        return replay_id

    def stop(self, destination: str, replay_id: str) -> None:
        """Interrupt a run; raise CannotDo if there is none."""
        run = self._runs.get((destination, replay_id))
        if run is None or not run.is_running:
            raise CannotDo([f"this console does not send the replay {replay_id}"])
        run.stop()
        run.thread.join(CLOSE_WITHIN_SECONDS)

    def updated(self, destination: str, replay: Replay) -> Replay:
        """The replay, updated with what this console knows before Kafka does."""
        run = self._runs.get((destination, replay.id))
        if run is None or replay.state is ReplayState.DONE:
            return replay
        if run.is_running:
            sent, rate = max(run.sent, replay.sent or 0), run.rate
            return replay._replace(state=ReplayState.RUNNING, sent=sent, rate=rate)
        return replay._replace(troubles=run.troubles, rate=run.rate)

    def close(self) -> None:
        """Interrupt all runs, also those that have not begun to send, within bounds."""
        with self._lock:
            running = [run for run in (*self._runs.values(), *self._beginning) if run.is_running]
        for run in running:
            run.stop()
        for run in running:
            run.thread.join(CLOSE_WITHIN_SECONDS)
