"""The demonstration: the real worker between an embedded broker and two networks that misbehave.

The rule: one network goes down in the middle, and the other must not be affected.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from typing import NamedTuple

from worker.app import StartedWorker, Worker
from worker.core.admission.circuit import CircuitState
from worker.demo.account import Account, Meanwhile, NetworkAccount, NetworkFindings, draw_up
from worker.demo.broker import EmbeddedBroker
from worker.demo.events import FALLBACK, NETWORKS, OTHER, Conversion, conversions
from worker.demo.progress import Endings, NetworkProgress, Progress
from worker.demo.stage import deployment_of
from worker.demo.tracker import Tracker
from worker.settings import Deployment, Settings

# Turns without any ending, a minute of them, after which it is given up; the slowest record needs about ten
# seconds. They are counted, not timed: in a process that stands still, nothing ends.
TURN_SECONDS, PATIENCE_TURNS = 0.1, 600

Beside = Callable[[Deployment], AbstractAsyncContextManager[None]]
"""A context to be open as long as the worker runs."""


class Demo:
    """One demonstration with `events` records; a share `failures` of them fails at first."""

    def __init__(self, events: int, failures: float) -> None:
        self._events = events
        expected = events // len(NETWORKS)
        self._trackers = {name: Tracker(failures, expected, goes_down=name == OTHER) for name in NETWORKS}
        self._endings: dict[str, Endings] = {}
        self._started: StartedWorker | None = None
        self._published: dict[str, Conversion] = {}

    async def run(
        self,
        tick: Callable[[Progress], None],
        linger: asyncio.Event | None = None,
        beside: Beside | None = None,
    ) -> Account:
        """Publish, work, and draw up the account; `tick` is called with the progress a few times a second.

        With `linger` the worker stays up after the last ending until that event is set; set earlier, it ends
        the demonstration at once. `beside` is open as long as the worker is up.
        """
        async with AsyncExitStack() as stack:
            for tracker in self._trackers.values():
                stack.push_async_callback(tracker.close)
                await tracker.start()
            broker = await asyncio.to_thread(EmbeddedBroker)
            ports = {name: tracker.port for name, tracker in self._trackers.items()}
            deployment = deployment_of(broker.bootstrap, ports)
            served = {one.destination.name: one for one in deployment.destinations}
            for settings in served.values():
                await asyncio.to_thread(broker.create, _topics(settings))
            made = conversions(self._events, time.time())
            topic = deployment.common.kafka.topic
            self._published = await asyncio.to_thread(broker.publish, topic, made)
            self._endings = {name: Endings(_labels(settings)) for name, settings in served.items()}
            async with beside(deployment) if beside is not None else nullcontext():
                worker = Worker(deployment, watching=self._endings, caches=False)
                late = lambda: any(_behind(broker, settings) for settings in served.values())  # noqa: E731
                await self._work(worker, tick, linger, late)
            kept = {name: await asyncio.to_thread(_kept, broker, served[name]) for name in NETWORKS}
        return Account({name: self._account(name, kept[name]) for name in NETWORKS}, self._meanwhile())

    async def _work(
        self,
        worker: Worker,
        tick: Callable[[Progress], None],
        linger: asyncio.Event | None,
        is_behind: Callable[[], bool],
    ) -> None:
        stop = asyncio.Event()
        working = asyncio.create_task(worker.run(stop, self._note_start))
        ended, patience = 0, PATIENCE_TURNS
        progress = self._progress()
        while not working.done() and patience:
            progress = self._progress()
            tick(progress)
            if progress.is_over or (linger is not None and linger.is_set()):
                break
            if progress.ended > ended:
                ended, patience = progress.ended, PATIENCE_TURNS
            await asyncio.sleep(TURN_SECONDS)
            patience -= 1
        # How far the last of what is another's was passed over is told last, and committed a tick later: also
        # after a Ctrl-C that came in between.
        while progress.is_over and not working.done() and patience:
            if not await asyncio.to_thread(is_behind):
                break
            await asyncio.sleep(TURN_SECONDS)
            patience -= 1
        if linger is not None and not working.done():
            await linger.wait()
        stop.set()
        await working
        tick(self._progress())

    def _note_start(self, started: StartedWorker) -> None:
        self._started = started

    def _progress(self) -> Progress:
        http = "http://{}:{}".format(*self._started.http) if self._started is not None else ""
        return Progress(self._events, [self._network(name) for name in NETWORKS], http)

    def _network(self, name: str) -> NetworkProgress:
        endings = self._endings[name]
        in_flight, circuit = 0, CircuitState.CLOSED
        if self._started is not None:
            now = self._started.runners[name].snapshot()
            in_flight, circuit = now.in_flight, now.circuit
        return NetworkProgress(
            name=name,
            delivered=endings.delivered_count,
            retries=endings.retry_count,
            dead=endings.dead_count,
            in_flight=in_flight,
            circuit=circuit,
            answers=self._trackers[name].answers,
            waiting=endings.waiting,
            passed=endings.passed_count,
        )

    def _account(self, name: str, kept: _Kept) -> NetworkAccount:
        tracker = self._trackers[name]
        ours = {origin: one.event_id for origin, one in self._published.items() if one.network == name}
        return draw_up(
            ours, NetworkFindings(tracker.requests, tracker.recorded, tracker.again, kept.dead, kept.behind)
        )

    def _meanwhile(self) -> Meanwhile | None:
        """Count what one network took while the other was down."""
        outage = self._trackers[OTHER].down_since
        if outage is None:
            return None
        return Meanwhile(OTHER, FALLBACK, self._trackers[FALLBACK].recorded_during(outage))


class _Kept(NamedTuple):
    """What the broker holds for one destination: its dead letters, and the number of uncommitted records."""

    dead: dict[str, list[str]]
    behind: int


def _kept(broker: EmbeddedBroker, settings: Settings) -> _Kept:
    return _Kept(broker.dead_letters(settings.dlq_topic), _behind(broker, settings))


def _labels(settings: Settings) -> dict[str, str]:
    """The label of each tier, by its topic."""
    return {settings.tier_topic(tier): tier.label for tier in settings.tiers}


def _topics(settings: Settings) -> list[str]:
    own = [settings.dlq_topic, settings.journal_topic, settings.control_topic]
    return [settings.kafka.topic, *_labels(settings), *own]


def _behind(broker: EmbeddedBroker, settings: Settings) -> int:
    """How many records of the source and of the tiers are not committed."""
    fresh = broker.behind(settings.kafka.group_id, [settings.kafka.topic])
    return fresh + broker.behind(settings.retry_group, _labels(settings))
