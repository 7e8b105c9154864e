"""The settings compiled into parts: for the pipeline, the own topics, the sender's options, the identity.

The rule: everything is made from the settings alone; this machine is asked only where hosts resolve to, and
for the TLS files.
"""

from __future__ import annotations

import time

from worker.adapters.cache_folder import CacheFolder, default_folder
from worker.adapters.egress import check_origin
from worker.adapters.http import ClientTls, SenderOptions, TlsFiles, WrongTlsFiles, load_tls
from worker.adapters.http.options import ANY_STATUS
from worker.adapters.kafka.config import message_limit, producer_config, unique_client_id
from worker.core.admission.circuit import CircuitPolicy
from worker.core.answer import HttpOrigin
from worker.core.binding import Identity
from worker.core.classify import AnswerRules, BodyRules
from worker.core.ids_cache import CacheOwner
from worker.core.journal import DestinationJournal
from worker.core.remembered_ids import RememberedIds
from worker.core.retry import RetryPolicy
from worker.core.routing import Router
from worker.core.statuses import resolve
from worker.core.templates import Postback
from worker.core.topics import NeededTopics, OwnTopic
from worker.core.tracing import SpanOwner
from worker.pipeline import CompiledSettings
from worker.settings import Destination, Settings
from worker.settings.secrets import known_secrets
from worker.settings.sources import readers_of
from worker.settings.templates import constant_headers, parts_of, secrets_of


async def check_destination(settings: Settings) -> tuple[list[str], list[str]]:
    """Check, from this machine, where postbacks go: error lines and warning lines."""
    allowed = settings.destination.allow_private_addresses
    errors: list[str] = []
    warnings: list[str] = []
    for origin, variables in variables_by_origin(settings).items():
        wrong, unsure = await check_origin(origin, allow_private=allowed)
        errors += [f"{variables}: {line}" for line in wrong]
        warnings += [f"{variables}: {line}" for line in unsure]
    wrong, unsure = _check_tls(settings, time.time())
    return errors + wrong, warnings + unsure


def _check_tls(settings: Settings, now: float) -> tuple[list[str], list[str]]:
    """Check the TLS files: error lines and warning lines."""
    files = tls_files(settings)
    try:
        warnings = load_tls(files).warnings(now)
    except WrongTlsFiles as wrong:
        return list(wrong.problems), []
    warnings += [line for holder in files.key_holder.items() for line in readers_of(*holder)]
    if all(origin.scheme != "https" for origin in variables_by_origin(settings)):
        warnings += [f"{variable}: has no use: no URL begins with https://" for variable in files.named]
    return [], warnings


def tls_files(settings: Settings) -> TlsFiles:
    """The TLS files for the partner."""
    destination = settings.destination
    return TlsFiles(destination.ca_file, destination.cert_file, destination.key_file)


def variables_by_origin(settings: Settings) -> dict[HttpOrigin, str]:
    """The origins that postbacks go to, with the variables that name them."""
    named: dict[HttpOrigin, str] = {}
    for variable, parts in parts_of(settings.destination).items():
        origin = parts.url.origin
        named[origin] = f"{named[origin]}, {variable}" if origin in named else variable
    return named


def compile_settings(settings: Settings, router: Router | None = None) -> CompiledSettings:
    """Compile a destination's settings; `router` knows which events no destination wants."""
    destination, retry = settings.destination, settings.retry
    return CompiledSettings(
        postback=make_postback(destination),
        rules=rules_of(destination),
        retry=RetryPolicy(settings.tiers, retry.max_attempts, retry.window),
        tier_topics={tier: settings.tier_topic(tier) for tier in settings.tiers},
        dlq_topic=settings.dlq_topic,
        currencies=destination.currencies,
        secrets=known_secrets(settings.destination),
        unrouted=router.is_unrouted if router is not None and router.dead_letters_unrouted else None,
    )


def rules_of(destination: Destination) -> AnswerRules:
    """The rules for answers."""
    bodies = BodyRules(destination.recorded_body, destination.terminal_body, destination.reject_body)
    statuses = resolve(destination.success_statuses, destination.terminal_statuses)
    return AnswerRules(*statuses, bodies if any(bodies) else None)


def circuit_policy(settings: Settings) -> CircuitPolicy:
    """The policy of the circuit."""
    circuit = settings.circuit
    return CircuitPolicy(
        window=circuit.window,
        failure_share=circuit.failure_share,
        min_failures=circuit.min_failures,
        pause=circuit.probe_pause,
        pause_max=circuit.probe_pause_max,
    )


def make_postback(destination: Destination) -> Postback:
    """The templates that make a destination's requests."""
    parts = list(parts_of(destination).values())
    return Postback.compile(parts[0], parts[-1], secrets_of(destination))


def identity_of(settings: Settings) -> Identity:
    """This deployment's identity towards its consumer group."""
    return Identity(settings.kafka.topic, settings.destination.name)


def own_topics(settings: Settings) -> list[OwnTopic]:
    """The topics that the worker needs besides its source."""
    tiers = [OwnTopic(settings.tier_topic(tier), tier.seconds) for tier in settings.tiers]
    window = max(settings.retry.window, settings.journal.dedup_window)
    journal = [OwnTopic(settings.journal_topic, window=window)] if settings.journal.enabled else []
    return [*tiers, OwnTopic(settings.dlq_topic), *journal, OwnTopic(settings.control_topic, control=True)]


def make_journal(settings: Settings) -> DestinationJournal | None:
    """The journal's description; None without a journal."""
    if not settings.journal.enabled:
        return None
    worker = unique_client_id(settings.kafka.group_id)
    return DestinationJournal(settings.journal_topic, worker, bodies=settings.journal.bodies)


def traced_of(settings: Settings) -> SpanOwner:
    """The description of the destination's spans."""
    return SpanOwner(
        settings.destination.name, settings.kafka.group_id, settings.retry_group, settings.tracing.sample
    )


def make_remembered(settings: Settings, served: int) -> RememberedIds | None:
    """An empty memory of conversions; None if copies are sent.

    All `served` destinations share the worker's bound.
    """
    journal = settings.journal
    if not (journal.enabled and journal.dedup_window):
        return None
    return RememberedIds(max(1, journal.dedup_most // served), journal.dedup_window)


def make_cache(settings: Settings, remembered: RememberedIds) -> CacheFolder:
    """The cache of remembered conversions on this machine; each destination has a folder of its own."""
    group = settings.kafka.group_id
    owner = CacheOwner(group, remembered.most, remembered.window, remembered.buckets)
    return CacheFolder((settings.journal.cache_dir or default_folder()) / group, owner)


def needed_topics(settings: Settings) -> NeededTopics:
    """The topics that the worker needs, and the largest record that its client sends to them."""
    kafka = settings.kafka
    sending = producer_config(kafka.bootstrap_servers, unique_client_id(kafka.group_id), kafka.properties)
    return NeededTopics(kafka.topic, own_topics(settings), message_limit(sending))


def sender_options(settings: Settings, tls: ClientTls) -> SenderOptions:
    """The sender's options, with the loaded TLS files."""
    destination = settings.destination
    rules = rules_of(destination)
    keeps_bodies = settings.journal.enabled and settings.journal.bodies
    return SenderOptions(
        timeout=destination.timeout,
        headers=constant_headers(destination),
        read_statuses=rules.read_statuses,
        refusals=ANY_STATUS - rules.success if keeps_bodies else frozenset(),
        allow_private=destination.allow_private_addresses,
        proxy=destination.proxy.get_secret_value() if destination.proxy else None,
        tls=tls.context,
    )
