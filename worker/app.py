"""Wires everything together, and is the only place that does: settings in, a running worker out.

The rule: wrong settings never start; whatever was opened is closed in reverse order, whatever happens; if one
destination's run breaks, the process ends after the others have drained.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from typing import NamedTuple

from worker.adapters.clock import SystemClock
from worker.adapters.flow_log import EVERY_SECONDS
from worker.adapters.http_server import HttpServer
from worker.adapters.kafka import KafkaPublisher, TopicIds, consumer_config, producer_config
from worker.adapters.kafka.config import Config, unique_client_id
from worker.adapters.kafka.control_follower import KafkaControl
from worker.adapters.kafka.login import KafkaLogin
from worker.adapters.kafka.message_limits import TopicLimits
from worker.adapters.kafka.producers_hearing import look_after
from worker.adapters.kafka.rights import SharedRights
from worker.adapters.metrics import Metrics
from worker.adapters.process.descriptors import room_for_requests, too_many_requests
from worker.adapters.structlog_alone import structlog
from worker.adapters.tracing import make_tracer, missing_extra
from worker.compiled import own_topics, variables_by_origin
from worker.former_destinations import tell_unsent
from worker.login_renewal import LoginRenewal
from worker.names_check import taken_lines
from worker.ports import Observer
from worker.runner import Outcome, Runner
from worker.runner.state import status_fields
from worker.served_destination import CannotStart, ServedDestination, SharedParts, asking_config, run_all
from worker.settings import Deployment
from worker.settings.advice import warnings as settings_warnings
from worker.settings.several import as_written

__all__ = ["CannotStart", "StartedWorker", "Worker"]

YOUNG_OBJECTS = 50_000
"""Objects between two garbage collections in a run: a record's objects have no cycles and end with it.

More than there are while all lanes are busy and their steps wait for the journal; else each collection would
look at all of them in vain, 5 ms each time.
"""

LOOP_TICK_SECONDS = 0.5
"""Seconds between two measurements of the event loop's lag."""


class StartedWorker(NamedTuple):
    """A started worker: where it serves HTTP, and the run of each destination by name."""

    http: tuple[str, int]
    runners: Mapping[str, Runner]

    @property
    def runner(self) -> Runner:
        """The run of the only, or the first, destination."""
        return next(iter(self.runners.values()))


class Worker:
    """One worker process, for one run."""

    def __init__(
        self,
        deployment: Deployment,
        *observers: Observer,
        watching: Mapping[str, Observer] | None = None,
        adopt: bool = False,
        caches: bool = True,
    ) -> None:
        """Take observers of all destinations, and in `watching` observers of one, by its name.

        With `caches`, remembered conversions are cached on this machine for the next run.
        """
        self._deployment, self._adopt = deployment, adopt
        self._log = structlog.get_logger("worker")
        self._clock = SystemClock()
        self._metrics = Metrics(self._clock.now())
        self._login = KafkaLogin()
        self._rights = SharedRights(self._asking_config())
        self._login.have(self._rights)
        served = deployment.destinations
        process = SharedParts(
            *(self._clock, self._metrics, self._rights, self._login),
            *(observers, len(served), adopt, caches),
        )
        self._served = []
        for settings in served:
            own = [one for name, one in (watching or {}).items() if name == settings.destination.name]
            router = deployment.router(settings)
            self._served.append(
                ServedDestination(settings, router, process._replace(watchers=[*observers, *own]))
            )

    async def run(
        self, stop: asyncio.Event, on_started: Callable[[StartedWorker], None] | None = None
    ) -> Outcome:
        """Work until `stop` is set; raise CannotStart, CannotListen, or what broke the run."""
        await self._check()
        common = self._deployment.common
        async with contextlib.AsyncExitStack() as stack:
            publisher = self._publisher()
            await publisher.start()
            stack.push_async_callback(publisher.close)
            ids = TopicIds(self._asking_config(), self._own_topics(), self._thread_died())
            stack.enter_context(ids)
            control = KafkaControl(self._login.keep(self._reader_config()), ids, self._fail)
            stack.enter_context(control)
            for owner in (publisher, ids, control):
                self._login.have(owner)
            tracer = make_tracer(common.tracing.endpoint, unique_client_id(common.kafka.group_id))
            if tracer is not None:
                stack.push_async_callback(tracer.close)
            for one, concurrency in zip(self._served, self._concurrency(), strict=True):
                stack.push_async_callback(one.make(publisher, control, ids, concurrency, tracer).close)
            server = HttpServer(self._metrics.registry, self._not_alive, self._not_ready, self._notes)
            await server.start(common.http.host, common.http.port)
            stack.push_async_callback(server.close)
            for one in self._served:
                stack.enter_context(one.watch(publisher, ids))
            login = LoginRenewal(common, self._login, self._tell_of_all, self._clock)
            renewals = [*(one.renew() for one in self._served), login.run()]
            hearing = look_after(publisher, self._asking_config())
            unsent = tell_unsent(self._present, self._log.warning)
            for watch in (self._tell_what_flows(), self._watch_loop(), unsent, hearing, *renewals):
                task = asyncio.create_task(watch)
                task.add_done_callback(self._watch_ended)
                stack.callback(task.cancel)
            gc.freeze()  # long-lived objects need not be looked at again; of these, a thirtieth is garbage
            gc.set_threshold(YOUNG_OBJECTS)
            self._tell_start(server.where)
            if on_started is not None:
                on_started(StartedWorker(server.address, {one.name: one.runner for one in self._served}))
            return await run_all(self._served, stop)

    @property
    def unfinished(self) -> int:
        """Records that had not ended when the drain was cut."""
        return sum(one.runner.unfinished for one in self._served)

    def status(self) -> list[Mapping[str, object]]:
        """The status line's fields of each destination, once the worker has started."""
        return [
            {"destination": one.name, **status_fields(one.runner.snapshot(), one.health.not_ready())}
            for one in self._served
        ]

    # --- before the run ------------------------------------------------------------------------

    async def _check(self) -> None:
        """Warn of what may be unintended; raise CannotStart for all errors of all destinations."""
        _refuse(missing_extra(self._deployment.common.tracing.endpoint))
        for line in self._warnings():
            self._log.warning(line)
        found = await asyncio.gather(*(one.check_origins() for one in self._served))
        for line in dict.fromkeys(line for _, unsure in found for line in unsure):
            self._log.warning(line)
        _refuse(line for errors, _ in found for line in errors)
        groups = await asyncio.gather(*(one.check_group() for one in self._served), self._check_names())
        _refuse(line for lines in groups for line in lines)

    async def _check_names(self) -> list[str]:
        """A line for each destination whose network another one has by now, as far as the broker tells."""
        return [] if self._adopt else await taken_lines(self._reader_config(), self._deployment)

    def _warnings(self) -> Iterable[str]:
        """What may be unintended, each line once."""
        lines = (as_written(one.settings, settings_warnings(one.settings)) for one in self._served)
        return dict.fromkeys(line for of_one in lines for line in of_one)

    def _tell_start(self, http: str) -> None:
        """Log what an operator asks first: which version, from where, to where."""
        for one in self._served:
            kafka = one.settings.kafka
            self._log.info(
                "started",
                version=version("postback-worker"),
                kafka=kafka.bootstrap_servers,
                topic=kafka.topic,
                group=kafka.group_id,
                destination=one.name,
                partner=", ".join(str(origin) for origin in variables_by_origin(one.settings)),
                http=http,
            )

    def _publisher(self) -> KafkaPublisher:
        kafka = self._deployment.common.kafka
        client_id = unique_client_id(kafka.group_id)
        return KafkaPublisher(
            self._login.keep(producer_config(kafka.bootstrap_servers, client_id, kafka.properties)),
            limits=TopicLimits(self._asking_config(), self._own_topics()),
            on_fatal=lambda text: self._fail(RuntimeError(f"the producer can't go on: {text}")),
            on_trouble=self._tell_of_all,
        )

    def _own_topics(self) -> list[str]:
        return [topic.name for one in self._served for topic in own_topics(one.settings)]

    def _present(self) -> Deployment:
        """The deployment as its clients log in now."""
        properties = self._login.properties
        return self._deployment.with_properties(properties) if properties else self._deployment

    def _asking_config(self) -> Config:
        return self._login.keep(asking_config(self._deployment.common))

    def _reader_config(self) -> Config:
        """The configuration of a client that reads for all destinations, such as the standing orders."""
        kafka = self._deployment.common.kafka
        group, own = f"{kafka.group_id}.reader", unique_client_id(kafka.group_id)
        return consumer_config(kafka.bootstrap_servers, group, own, kafka.properties)

    def _concurrency(self) -> list[int]:
        """How many requests of each destination may be in flight.

        As many as configured; if descriptors suffice for fewer, each destination gets its share.
        """
        wanted = [one.settings.destination.concurrency for one in self._served]
        servers = self._deployment.common.kafka.bootstrap_servers.count(",") + 1
        room = room_for_requests(servers, len(self._served))
        if room >= sum(wanted):
            return wanted
        self._log.warning(too_many_requests(wanted, room))
        return [max(1, count * room // sum(wanted)) for count in wanted]

    def _tell_of_all(self, message: str) -> None:
        """Report what concerns all destinations: once, without a name if there are several."""
        if self._deployment.is_several:
            self._log.warning(message)
        else:
            self._served[0].observer.trouble(message)

    # --- during the run ------------------------------------------------------------------------

    def _fail(self, error: BaseException) -> None:
        """End the process with a failure; the other runs drain once one has ended."""
        self._served[0].runner.fail(error)

    def _thread_died(self) -> Callable[[BaseException], object]:
        """What a thread calls that has met an unforeseen error."""
        loop = asyncio.get_running_loop()
        return lambda error: loop.call_soon_threadsafe(self._fail, error)

    def _not_alive(self) -> Iterable[str]:
        return self._told((one, one.health.not_alive()) for one in self._served)

    def _not_ready(self) -> Iterable[str]:
        return self._told((one, one.health.not_ready()) for one in self._served)

    def _told(self, lines: Iterable[tuple[ServedDestination, Iterable[str]]]) -> Iterable[str]:
        """Lines, prefixed with the destination's name if there are several."""
        several = self._deployment.is_several
        return (f"{one.name}: {line}" if several else line for one, of_one in lines for line in of_one)

    def _notes(self) -> Mapping[str, object]:
        """What `/readyz` also shows: of the only destination, or by name."""
        notes = {one.name: one.health.notes() for one in self._served}
        if not self._deployment.is_several:
            return notes[self._served[0].name]
        told = {name: of_one for name, of_one in notes.items() if of_one}
        return {"destinations": told} if told else {}

    async def _tell_what_flows(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            for one in self._served:
                one.tell_flow()

    async def _watch_loop(self) -> None:
        while True:
            before = self._clock.monotonic()
            await asyncio.sleep(LOOP_TICK_SECONDS)
            self._metrics.loop_lag = max(0.0, self._clock.monotonic() - before - LOOP_TICK_SECONDS)

    def _watch_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)


def _refuse(lines: Iterable[str]) -> None:
    """Raise CannotStart if there are any lines, with each once."""
    problems = list(dict.fromkeys(lines))
    if problems:
        raise CannotStart(problems)
