"""The only place that wires things together: settings in, a running worker out.

The rule: wrong settings never start, and what was opened is closed, in the reverse order, whatever happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version
from typing import NamedTuple

import structlog

from worker.adapters.clock import SystemClock
from worker.adapters.flow_log import EVERY_SECONDS, FlowLog
from worker.adapters.http import ClientTls, UnprovenLibrary, WrongTlsFiles, load_tls, make_sender
from worker.adapters.http_server import HttpServer
from worker.adapters.kafka import (
    KafkaPublisher,
    KafkaSource,
    KafkaUnavailable,
    PairedSource,
    TopicIds,
    admin_config,
    consumer_config,
    producer_config,
)
from worker.adapters.kafka.committed_offsets import stranger_in
from worker.adapters.kafka.config import Config, unique_client_id
from worker.adapters.kafka.message_limits import TopicLimits
from worker.adapters.kafka.reading import Reading
from worker.adapters.kafka.remembered_offsets import read_memory
from worker.adapters.kafka.start_offsets import Beginning
from worker.adapters.logs import is_for_people, make_logs
from worker.adapters.metrics import Metrics
from worker.adapters.observers import Observers
from worker.adapters.process.descriptors import room_for_requests, too_many_requests
from worker.compiled import (
    check_destination,
    identity_of,
    make_plan,
    needed_topics,
    own_topics,
    sender_options,
    tls_files,
    variables_by_origin,
)
from worker.core.admission.circuit import CircuitPolicy
from worker.core.admission.gate import Gate
from worker.core.held_bytes import HeldBytes
from worker.core.ownership import WAYS_OUT, describe
from worker.health import Health
from worker.ports import Observer, Sender, Source
from worker.renewal import Renewal
from worker.runner import Clients, Destination, Group, Limits, Outcome, Runner, Surroundings
from worker.runner.state import status_fields
from worker.settings import Settings
from worker.settings.advice import warnings as settings_warnings
from worker.settings.byte_bounds import ByteBounds
from worker.settings.tiers import any_tier, former_tier
from worker.settings.values import EARLIEST

LOOK_AGAIN_SECONDS = 1.0
"""Until a broker that did not tell is asked again whose a group is."""


class CannotStart(Exception):
    """The settings are wrong in a way that only this machine can tell; a line for each problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Started(NamedTuple):
    """A worker that has started: where it serves HTTP, and the worker itself."""

    http: tuple[str, int]
    runner: Runner


class Worker:
    """One worker process, for one run."""

    def __init__(self, settings: Settings, *observers: Observer, adopt: bool = False) -> None:
        self._settings = settings
        self._adopt = adopt
        self._log = structlog.get_logger("worker")
        self._clock = SystemClock()
        self._bounds = ByteBounds.of(settings.max_held_bytes)
        self._held_bytes = HeldBytes.shared(self._bounds.held, settings.max_outstanding)
        self._metrics = Metrics(self._clock.now())
        counts = self._metrics.of(
            settings.destination.name, [topic.name for topic in own_topics(settings)], [settings.kafka.topic]
        )
        logs = make_logs(settings.destination.name, settings.log.level)
        self._flow = FlowLog(settings.destination.name) if is_for_people(settings.log.format) else None
        watchers = [*observers, *([self._flow] if self._flow is not None else [])]
        self._observer = Observers(counts, logs, *watchers)
        needed = needed_topics(settings)
        self._health = Health(settings, needed, self._asking(), self._observer, self._clock, self._metrics)

    async def run(self, stop: asyncio.Event, on_started: Callable[[Started], None] | None = None) -> Outcome:
        """Work until `stop` is set; raise CannotStart, OSError (the HTTP address) or what broke the run."""
        settings = self._settings
        for line in settings_warnings(settings):
            self._log.warning(line)
        await self._check_origins()
        await self._check_group()
        async with contextlib.AsyncExitStack() as stack:
            publisher = self._publisher()
            await publisher.start()
            stack.push_async_callback(publisher.close)
            tls = self._tls()
            sender = self._sender(tls)
            stack.push_async_callback(sender.close)
            source = self._source(stack.enter_context(self._topic_ids()))
            self._runner = runner = self._make_runner(source, publisher, sender)
            health = self._health
            server = HttpServer(self._metrics.registry, health.not_alive, health.not_ready, health.notes)
            await server.start(settings.http.host, settings.http.port)
            stack.push_async_callback(server.close)
            stack.enter_context(health.watch(runner, source, publisher))
            renewal = Renewal(settings, tls, runner.renew, self._observer, self._clock)
            for beside in (self._tell_what_flows(), renewal.run()):
                task = asyncio.create_task(beside)
                task.add_done_callback(self._beside_ended)
                stack.callback(task.cancel)
            gc.collect()
            gc.freeze()  # what lives as long as the process need not be looked at again
            self._tell_start(server.address)
            if on_started is not None:
                on_started(Started(server.address, runner))
            return await runner.run(stop)

    @property
    def unfinished(self) -> int:
        """Records that had not ended when the drain was cut."""
        return self._runner.unfinished

    def status(self) -> Mapping[str, object]:
        """Describe it, once it has started, for one line."""
        return status_fields(self._runner.snapshot(), self._health.not_ready())

    def _tell_start(self, http: tuple[str, int]) -> None:
        """Say first what an operator would ask first: which version, from where, to where."""
        kafka = self._settings.kafka
        self._log.info(
            "started",
            version=version("postback-worker"),
            kafka=kafka.bootstrap_servers,
            topic=kafka.topic,
            group=kafka.group_id,
            destination=self._settings.destination.name,
            partner=", ".join(str(origin) for origin in variables_by_origin(self._settings)),
            http=f"{http[0]}:{http[1]}",
        )

    # --- parts ---------------------------------------------------------------------------------

    async def _check_origins(self) -> None:
        errors, unsure = await check_destination(self._settings)
        for line in unsure:
            self._log.warning(line)
        if errors:
            raise CannotStart(errors)

    async def _check_group(self) -> None:
        """Raise CannotStart where another deployment has our group, as far as the broker tells by now."""
        try:
            other = None if self._adopt else await self._look_for_stranger()
        except KafkaUnavailable:
            return  # it is looked at again once something is ours
        if other is not None:
            group, ours = self._settings.kafka.group_id, describe(identity_of(self._settings))
            raise CannotStart([f"the group {group} belongs to {other}; this is {ours}: {WAYS_OUT}"])

    async def _stranger(self) -> str | None:
        """Name another deployment in our groups, as soon as the broker tells."""
        while True:
            try:
                return await self._look_for_stranger()
            except KafkaUnavailable:
                await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def _look_for_stranger(self) -> str | None:
        settings = self._settings
        groups = settings.kafka.group_id, settings.retry_group
        source, tiers = (self._member_config(group) for group in groups)
        thread = ThreadPoolExecutor(1, "kafka-group")
        try:
            ask = partial(stranger_in, source, tiers, identity_of(settings))
            return await asyncio.get_running_loop().run_in_executor(thread, ask)
        finally:
            thread.shutdown(wait=False)

    def _publisher(self) -> KafkaPublisher:
        kafka = self._settings.kafka
        client_id = unique_client_id(kafka.group_id)
        return KafkaPublisher(
            producer_config(kafka.bootstrap_servers, client_id, kafka.properties),
            limits=TopicLimits(self._asking(), [topic.name for topic in own_topics(self._settings)]),
            on_fatal=lambda text: self._runner.fail(RuntimeError(f"the producer can't go on: {text}")),
            on_trouble=self._observer.trouble,
        )

    def _tls(self) -> ClientTls:
        try:
            return load_tls(tls_files(self._settings))
        except WrongTlsFiles as wrong:
            raise CannotStart(list(wrong.problems)) from wrong

    def _sender(self, tls: ClientTls) -> Sender:
        try:
            return make_sender(self._settings.destination.transport, sender_options(self._settings, tls))
        except UnprovenLibrary as error:
            raise CannotStart([str(error)]) from error

    def _topic_ids(self) -> TopicIds:
        return TopicIds(self._asking())

    def _asking(self) -> Config:
        kafka = self._settings.kafka
        return admin_config(kafka.bootstrap_servers, unique_client_id(kafka.group_id), kafka.properties)

    def _source(self, ids: TopicIds) -> Source:
        settings = self._settings
        kafka = settings.kafka
        tiers = [*(settings.tier_topic(tier) for tier in settings.tiers), any_tier(settings)]
        return PairedSource(
            self._member(kafka.group_id, [kafka.topic], ids, kafka.start),
            self._member(settings.retry_group, tiers, ids),
            lambda topic: topic == kafka.topic,
        )

    def _member(self, group: str, topics: Sequence[str], ids: TopicIds, start: str = EARLIEST) -> KafkaSource:
        kafka = self._settings.kafka
        reader = self._member_config(f"{kafka.group_id}.reader")
        beginning = Beginning(start, partial(read_memory, reader, self._settings.control_topic))
        return KafkaSource(
            self._member_config(group),
            Reading(topics, ids, beginning, kafka.skip, self._held_bytes, self._health.refusals),
            drain_timeout=self._settings.drain_timeout,
        )

    def _member_config(self, group: str) -> Config:
        kafka, bounds = self._settings.kafka, self._bounds.client
        client_id = unique_client_id(group)
        return consumer_config(kafka.bootstrap_servers, group, client_id, kafka.properties, bounds)

    def _make_runner(self, source: Source, publisher: KafkaPublisher, sender: Sender) -> Runner:
        settings = self._settings
        destination, circuit = settings.destination, settings.circuit
        policy = CircuitPolicy(
            window=circuit.window,
            failure_share=circuit.failure_share,
            min_failures=circuit.min_failures,
            pause=circuit.probe_pause,
            pause_max=circuit.probe_pause_max,
        )
        group = Group(
            identity_of(settings),
            settings.control_topic,
            partial(former_tier, settings),
            self._adopt,
            self._stranger,
        )
        limits = Limits(settings.max_outstanding, settings.drain_timeout, self._held_bytes)
        gate = Gate(self._concurrency(), policy, destination.rate)
        return Runner(
            Destination(make_plan(settings), gate, group, limits),
            Clients(source, publisher, sender),
            Surroundings(self._observer, self._clock, random.random),
        )

    def _concurrency(self) -> int:
        """How many requests may be in flight: as many as are wanted, or as descriptors are left for."""
        wanted = self._settings.destination.concurrency
        room = room_for_requests(self._settings.kafka.bootstrap_servers.count(",") + 1)
        if room < wanted:
            self._log.warning(too_many_requests(wanted, room))
        return min(wanted, room)

    async def _tell_what_flows(self) -> None:
        """Write a quiet line now and then, where somebody may be looking."""
        while self._flow is not None:
            await asyncio.sleep(EVERY_SECONDS)
            now, source = self._runner.snapshot(), self._settings.kafka.topic
            waiting = sum(one.lag or 0 for one in now.partitions if one.at.topic != source)
            self._flow.write(now.in_flight, waiting)

    def _beside_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._runner.fail(error)
