"""The demonstration's stage: the real worker between an embedded broker and a partner that misbehaves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from worker.adapters.process.descriptors import room_for_requests
from worker.app import Started, Worker
from worker.core.admission.circuit import CircuitState
from worker.core.retry import Tier
from worker.demo.account import Account, draw_up
from worker.demo.broker import EmbeddedBroker
from worker.demo.events import conversions
from worker.demo.progress import Endings, Progress
from worker.demo.tracker import Tracker
from worker.settings import Circuit, Deployment, Destination, Http, Kafka, Log, Settings
from worker.settings import Retry as RetrySettings

TIERS = (Tier("1s", 1.0), Tier("2s", 2.0), Tier("3s", 3.0))
MAX_ATTEMPTS = 4
MOST_IN_FLIGHT = 256  # each takes two descriptors: the worker's and the partner's
TIMEOUT_SECONDS = 1.0
PROBE_PAUSE_SECONDS = 0.3
# The embedded broker may have the group wait for nearly as long, where its members join just so.
SESSION_TIMEOUT_MS = "6000"
# Seconds without any ending after which it is given up; the slowest record needs about ten.
_PATIENCE_SECONDS = 60.0


class Demo:
    """One demonstration of `events` records, of which a share of `failures` meets trouble at first."""

    def __init__(self, events: int, failures: float) -> None:
        self._events = events
        self._tracker = Tracker(failures, events)
        self._endings: Endings | None = None
        self._started: Started | None = None
        self._published: dict[str, str | None] = {}

    async def run(self, tick: Callable[[Progress], None], linger: asyncio.Event | None = None) -> Account:
        """Publish, work, and draw up the account; `tick` hears of the progress a few times a second.

        With `linger` the worker stays up after the last ending until it is set.
        """
        await self._tracker.start()
        broker = await asyncio.to_thread(EmbeddedBroker)
        settings = _settings(broker.bootstrap, self._tracker.port)
        topics = [settings.kafka.topic, *(settings.tier_topic(tier) for tier in settings.tiers)]
        topics += [settings.dlq_topic, settings.journal_topic, settings.control_topic]
        await asyncio.to_thread(broker.create, topics)
        made = conversions(self._events, time.time())
        self._published = await asyncio.to_thread(broker.publish, settings.kafka.topic, made)
        self._endings = Endings({settings.tier_topic(tier): tier.label for tier in settings.tiers})
        try:
            await self._work(Worker(Deployment.of(settings), self._endings), tick, linger)
            dead = await asyncio.to_thread(broker.dead_letters, settings.dlq_topic)
            behind = await asyncio.to_thread(_behind, broker, settings)
        finally:
            await self._tracker.close()
        return draw_up(self._published, self._tracker.recorded, dead, self._tracker.again, behind)

    async def _work(
        self, worker: Worker, tick: Callable[[Progress], None], linger: asyncio.Event | None
    ) -> None:
        stop = asyncio.Event()
        working = asyncio.create_task(worker.run(stop, self._note_start))
        ended, deadline = 0, time.monotonic() + _PATIENCE_SECONDS
        while not working.done() and time.monotonic() < deadline:
            progress = self._progress()
            tick(progress)
            if progress.ended >= self._events:
                break
            if progress.ended > ended:
                ended, deadline = progress.ended, time.monotonic() + _PATIENCE_SECONDS
            await asyncio.sleep(0.1)
        if linger is not None and not working.done():
            await linger.wait()
        stop.set()
        await working
        tick(self._progress())

    def _note_start(self, started: Started) -> None:
        self._started = started

    def _progress(self) -> Progress:
        endings = self._endings or Endings({})
        in_flight, circuit, http = 0, CircuitState.CLOSED, ""
        if self._started is not None:
            now = self._started.runner.snapshot()
            in_flight, circuit = now.in_flight, now.circuit
            http = "http://{}:{}".format(*self._started.http)
        return Progress(
            published=self._events,
            delivered=endings.delivered_count,
            retries=endings.retry_count,
            dead=endings.dead_count,
            in_flight=in_flight,
            circuit=circuit,
            answers=self._tracker.answers,
            waiting=endings.waiting,
            http=http,
        )


def _behind(broker: EmbeddedBroker, settings: Settings) -> int:
    """How many records of the source and of the tiers are not committed."""
    tiers = [settings.tier_topic(tier) for tier in settings.tiers]
    fresh = broker.behind(settings.kafka.group_id, [settings.kafka.topic])
    return fresh + broker.behind(settings.retry_group, tiers)


def _settings(bootstrap: str, port: int) -> Settings:
    track = f"http://127.0.0.1:{port}/postback"
    return Settings(
        kafka=Kafka(bootstrap_servers=bootstrap, properties={"session.timeout.ms": SESSION_TIMEOUT_MS}),
        destination=Destination(
            name="demo",
            simple_url=f"{track}?click_id={{click_id}}&event_id={{event_id}}",
            event_url=f"{track}?measurement=1&click_id={{click_id}}&event={{event}}&payout={{payout}}"
            "&event_id={event_id}",
            concurrency=min(MOST_IN_FLIGHT, max(1, room_for_requests(kafka_servers=1) // 2)),
            timeout=TIMEOUT_SECONDS,
            allow_private_addresses=True,
        ),
        retry=RetrySettings(delays=TIERS, max_attempts=MAX_ATTEMPTS),
        circuit=Circuit(probe_pause=PROBE_PAUSE_SECONDS, probe_pause_max=PROBE_PAUSE_SECONDS),
        http=Http(port=0),
        log=Log(level="error"),
    )
