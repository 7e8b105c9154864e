"""One destination that a process serves: its parts, made from its settings.

The rule: everything here belongs to this destination alone; what destinations share is passed in.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from worker.adapters.flow_log import FlowLog
from worker.adapters.http import ClientTls, UnprovenLibrary, WrongTlsFiles, load_tls, make_sender
from worker.adapters.kafka import (
    KafkaPublisher,
    KafkaSource,
    PairedSource,
    TopicIds,
    admin_config,
    consumer_config,
)
from worker.adapters.kafka.cached_positions import Reach
from worker.adapters.kafka.config import TIERS_FETCHES, Config, unique_client_id
from worker.adapters.kafka.journal_client import JournalClient
from worker.adapters.kafka.journal_follower import JournalFollower
from worker.adapters.kafka.journaled_offsets import JournalTopics, read_journaled
from worker.adapters.kafka.login import KafkaLogin
from worker.adapters.kafka.offset_lookup import StartPolicy
from worker.adapters.kafka.remembered_offsets import read_memory
from worker.adapters.kafka.rights import SharedRights
from worker.adapters.kafka.source_options import SourceOptions
from worker.adapters.logs import is_for_people, make_logs, speaking_of
from worker.adapters.metrics import Metrics
from worker.adapters.observers import Observers
from worker.compiled import (
    check_destination,
    circuit_policy,
    compile_settings,
    identity_of,
    make_cache,
    make_journal,
    make_remembered,
    needed_topics,
    own_topics,
    sender_options,
    tls_files,
    traced_of,
)
from worker.core.admission.gate import Gate
from worker.core.held_bytes import HeldBytes
from worker.core.journal import DestinationJournal
from worker.core.remembered_ids import RememberedIds
from worker.core.routing import Router
from worker.group_check import GroupCheck
from worker.health import Health
from worker.ports import Clock, Control, Observer, Sender, Source, Tracer
from worker.renewal import Renewal
from worker.runner import Limits, Outcome, Runner, Surroundings
from worker.runner.parts import Clients, ConsumerGroup, DestinationParts, DestinationTracer
from worker.settings import Settings
from worker.settings.byte_bounds import ByteBounds
from worker.settings.several import as_written
from worker.settings.tiers import PartitionCounts, any_tier, former_tier, rights_needed


class CannotStart(Exception):
    """The settings are wrong in a way that shows only on this machine; a line for each problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class SharedParts(NamedTuple):
    """What all destinations share; `served` is their number, by which the held bytes are divided.

    `adopt` takes over groups that another deployment left; `caches` allows a cache on this machine.
    """

    clock: Clock
    metrics: Metrics
    rights: SharedRights
    login: KafkaLogin
    watchers: Sequence[Observer] = ()
    served: int = 1
    adopt: bool = False
    caches: bool = True


class ServedDestination:
    """One destination; after `make`, its `runner` serves it."""

    def __init__(self, settings: Settings, router: Router, shared: SharedParts) -> None:
        self.settings = settings
        self.name = settings.destination.name
        self._router = router
        self._clock, self._adopt, self._metrics = shared.clock, shared.adopt, shared.metrics
        self._count, self._caches = shared.served, shared.caches
        self._bounds = ByteBounds.of(settings.max_held_bytes // shared.served)
        self._held_bytes = HeldBytes.shared(self._bounds.held, settings.max_outstanding)
        self.flow = FlowLog(self.name) if is_for_people(settings.log.format) else None
        watchers = [*shared.watchers, *([self.flow] if self.flow is not None else [])]
        own = [topic.name for topic in own_topics(settings)]
        counts = shared.metrics.of(self.name, own, [settings.kafka.topic])
        self.observer = Observers(counts, make_logs(self.name, settings.log.level), *watchers)
        groups = settings.kafka.group_id, settings.retry_group
        self._client_ids = {group: unique_client_id(group) for group in groups}
        self._login = shared.login
        self._group_check = GroupCheck(
            settings, lambda group: self._login.current(self._member_config(group))
        )
        needed, asking = needed_topics(settings), self._login.keep(asking_config(settings))
        rights = shared.rights.watch(rights_needed(settings))
        self.health = Health(settings, needed, asking, rights, self.observer, self._clock)

    async def check_origins(self) -> tuple[list[str], list[str]]:
        """Errors and warnings about where postbacks go, with variables as the user wrote them."""
        errors, unsure = await check_destination(self.settings)
        return as_written(self.settings, errors), as_written(self.settings, unsure)

    async def check_group(self) -> list[str]:
        """A line if another deployment owns the group, or we had another one, as far as the broker tells.

        What was not read of the source of a deployment that we take over is reported.
        """
        for line in await self._group_check.unread() if self._adopt else ():
            self.observer.trouble(line)
        return await self._group_check.problems(adopt=self._adopt)

    def make(
        self,
        publisher: KafkaPublisher,
        control: Control,
        ids: TopicIds,
        concurrency: int,
        tracer: Tracer | None = None,
    ) -> Sender:
        """Make the runner, its source and its sender; return the sender, to be closed.

        Raises CannotStart.
        """
        settings = self.settings
        tls = self._load_tls()
        sender = self._make_sender(tls)
        self.source = self._make_source(ids)
        journal, remembered = make_journal(settings), make_remembered(settings, self._count)
        group = self._group(publisher, journal, remembered)
        gate = Gate(concurrency, circuit_policy(settings))
        rate = settings.destination.rate
        limits = Limits(settings.max_outstanding, settings.drain_timeout, self._held_bytes, rate)
        tracing = None if tracer is None else DestinationTracer(tracer, traced_of(settings))
        self.runner = Runner(
            DestinationParts(compile_settings(settings, self._router), gate, group, limits, tracing),
            self._clients(Clients(self.source, publisher, sender, control), ids, journal, remembered),
            Surroundings(self.observer, self._clock, random.random),
        )
        self.renewal = Renewal(settings, tls, self.runner.renew, self.observer, self._clock)
        return sender

    async def run(self, stop: asyncio.Event) -> Outcome:
        """Serve it until `stop` is set; raise what broke the run."""
        with speaking_of(self.name):
            return await self.runner.run(stop)

    def watch(self, publisher: KafkaPublisher, ids: TopicIds) -> contextlib.ExitStack:
        """Watch its health from now on; the caller closes the returned stack."""
        self._metrics.watch(self.name, self.runner.snapshot, self.health.not_ready)
        with speaking_of(self.name):
            return self.health.watch(self.runner, self.source, publisher, ids)

    async def renew(self) -> None:
        """Watch its files from now on."""
        with speaking_of(self.name):
            await self.renewal.run()

    def tell_flow(self) -> None:
        """Log a quiet line about what flows, if people read the log."""
        if self.flow is not None:
            now, source = self.runner.snapshot(), self.settings.kafka.topic
            waiting = sum(one.lag or 0 for one in now.partitions if one.at.topic != source)
            self.flow.write(now.in_flight, waiting)

    # --- parts ---------------------------------------------------------------------------------

    def _group(
        self, publisher: KafkaPublisher, journal: DestinationJournal | None, remembered: RememberedIds | None
    ) -> ConsumerGroup:
        settings, counts = self.settings, PartitionCounts(self.settings)
        return ConsumerGroup(
            identity_of(settings),
            settings.control_topic,
            partial(former_tier, settings),
            self._adopt,
            self._group_check.stranger,
            journal,
            lambda: counts.of(publisher.partition_counts),
            tuple(self._client_ids.values()),
            remembered,
        )

    def _load_tls(self) -> ClientTls:
        try:
            return load_tls(tls_files(self.settings))
        except WrongTlsFiles as wrong:
            raise CannotStart(as_written(self.settings, wrong.problems)) from wrong

    def _make_sender(self, tls: ClientTls) -> Sender:
        try:
            return make_sender(self.settings.destination.transport, sender_options(self.settings, tls))
        except UnprovenLibrary as error:
            raise CannotStart([str(error)]) from error

    def _make_source(self, ids: TopicIds) -> Source:
        settings = self.settings
        kafka = settings.kafka
        tiers = [*(settings.tier_topic(tier) for tier in settings.tiers), any_tier(settings.kafka.group_id)]
        reader, journal = self._reader_config(), JournalTopics(settings.journal_topic, kafka.topic)
        recall = partial(read_memory, reader, settings.control_topic)
        ask = partial(read_journaled, reader, journal) if settings.journal.enabled else None
        return PairedSource(
            self._member(
                kafka.group_id, [kafka.topic], ids, StartPolicy(kafka.start, recall, ask), self._router
            ),
            self._member(settings.retry_group, tiers, ids, StartPolicy(recall=recall)),
            lambda topic: topic == kafka.topic,
        )

    def _clients(
        self,
        clients: Clients,
        ids: TopicIds,
        journal: DestinationJournal | None,
        remembered: RememberedIds | None,
    ) -> Clients:
        """Add the journal's follower and cache, if anything is remembered."""
        if journal is None or remembered is None:
            return clients
        client = JournalClient(self._reader_config(), journal.topic)
        self._login.have(client)
        cache = make_cache(self.settings, remembered) if self._caches else None
        reach = Reach(remembered.most, remembered.window)
        follower = JournalFollower(client, journal.worker, reach, ids, cache)
        return clients._replace(follower=follower, cache=cache)

    def _member(
        self,
        group: str,
        topics: Sequence[str],
        ids: TopicIds,
        beginning: StartPolicy,
        router: Router | None = None,
    ) -> KafkaSource:
        skip = self.settings.kafka.skip
        source = KafkaSource(
            self._login.keep(self._member_config(group)),
            SourceOptions(topics, ids, beginning, skip, self._held_bytes, self.health.refusals, router),
            drain_timeout=self.settings.drain_timeout,
        )
        self._login.have(source)
        return source

    def _reader_config(self) -> Config:
        """The configuration of a client that reads without joining the group."""
        return self._login.keep(self._member_config(f"{self.settings.kafka.group_id}.reader"))

    def _member_config(self, group: str) -> Config:
        kafka, own = self.settings.kafka, TIERS_FETCHES if group == self.settings.retry_group else {}
        client_id, bounds = self._client_ids.get(group), {**self._bounds.client, **own}
        client_id = client_id or unique_client_id(group)
        return consumer_config(kafka.bootstrap_servers, group, client_id, kafka.properties, bounds)


def asking_config(settings: Settings) -> Config:
    """The configuration of a client that only asks."""
    kafka = settings.kafka
    return admin_config(kafka.bootstrap_servers, unique_client_id(kafka.group_id), kafka.properties)


async def run_all(served: Sequence[ServedDestination], stop: asyncio.Event) -> Outcome:
    """Run all until `stop` is set or one has ended; once all have ended, raise the first error."""
    ending = asyncio.Event()
    tasks = [asyncio.create_task(one.run(ending)) for one in served]
    stopping = asyncio.create_task(stop.wait())
    for task in (*tasks, stopping):
        task.add_done_callback(lambda _: ending.set())
    try:
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        stopping.cancel()
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return Outcome.CUT if Outcome.CUT in outcomes else Outcome.DRAINED
