"""How each destination does, from Kafka alone: no worker need be reachable.

The rule: it only reads, joins no group and moves no offset. What Kafka can't tell the workers say on the
control topic, and only what those say counts that are members now.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from worker.ops.broker import answering, hidden_topics, partitions_by_topic
from worker.ops.errors import CannotDo
from worker.ops.members import members_of, present
from worker.ops.reading import DESTINATIONS_AT_A_TIME, MAKE_TOPICS, opened, reading_config

if TYPE_CHECKING:
    from worker.adapters.kafka.topic_reader import Span, TopicReader
    from worker.core.flow import Flow, Judged, Steps, TierState
    from worker.core.order_book import OrderBook
    from worker.core.orders import Order
    from worker.core.record import Partition, Record
    from worker.core.worker_report import WorkerReport
    from worker.settings import Deployment, Settings

RECENT_SECONDS = 15.0
"""How far back the journal is looked at for what happens now."""

MOST_STEPS = 40_000
"""Steps that are read of it; of more, a share is."""

HOUR_SECONDS = 3600.0


class Followed(NamedTuple):
    """What need not be asked for, where somebody follows the topics: the latest steps, orders, and reports.

    `orders` are those that stand, `unreadable` the keys of those that can't be read; `reports` are of all
    workers, also of some that have ended.
    """

    steps: Steps
    orders: Sequence[Order]
    unreadable: Sequence[str]
    reports: Sequence[WorkerReport]


class Status(NamedTuple):
    """A destination, what it comes to, and what that rests on."""

    destination: str
    judged: Judged
    flow: Flow


def status(deployment: Deployment) -> list[Status]:
    """How each destination of a deployment does now. Raises CannotDo."""
    with ThreadPoolExecutor(DESTINATIONS_AT_A_TIME, "status") as threads:
        return list(threads.map(of_destination, deployment.destinations))


def of_destination(settings: Settings, followed: Followed | None = None) -> Status:
    """How one destination does now; what is `followed` is not asked for. Raises CannotDo."""
    from worker.core.flow import judge

    with answering(settings):
        _must_exist(settings)
        flow = _flow(settings, time.time(), followed)
    return Status(settings.destination.name, judge(flow), flow)


def as_json(one: Status) -> Mapping[str, object]:
    """A status as an object."""
    from schemas import format_time
    from worker.ops.orders import as_json as order_as_json

    judged, flow = one.judged, one.flow
    return {
        "destination": one.destination,
        "verdict": judged.verdict.value,
        "why": judged.why,
        "since": None if judged.since is None else format_time(judged.since),
        "command": judged.command,
        "lag": flow.lag,
        "oldest_seconds": round(flow.oldest, 1),
        "waiting": [
            {"tier": tier.tier, "waiting": tier.waiting, "overdue_seconds": round(tier.overdue, 1)}
            for tier in flow.tiers
        ],
        "delivered_per_second": per_second(flow.steps, flow.steps.delivered),
        "failing_per_second": {
            status: per_second(flow.steps, count) for status, count in flow.steps.failed.items()
        },
        "dead_letters_last_hour": flow.dead_letters,
        "circuit": circuit_of(flow),
        "orders": [order_as_json(order, one.destination) for order in flow.orders],
        "members": flow.members._asdict(),
        "workers": [
            {"id": report.id, "bound_by": report.bound_by, "not_ready": report.not_ready}
            for report in flow.reports
        ],
    }


def per_second(steps: Steps, count: int) -> float:
    """So many of the latest steps, a second."""
    return round(count / steps.seconds, 2) if steps.seconds else 0.0


def circuit_of(flow: Flow) -> str:
    """What the workers' circuits are: `closed`, `open`, or of how many; `unknown` where none says."""
    if not flow.reports:
        return "unknown"
    down = sum(report.circuit is not None for report in flow.reports)
    if down in {0, len(flow.reports)}:
        return "open" if down else "closed"
    return f"open at {down} of {len(flow.reports)}"


# --- what is read --------------------------------------------------------------------------------


def _must_exist(settings: Settings) -> None:
    tiers = [settings.tier_topic(tier) for tier in settings.tiers]
    journal = [settings.journal_topic] if settings.journal.enabled else []
    needed = [settings.kafka.topic, *tiers, settings.dlq_topic, *journal, settings.control_topic]
    there = partitions_by_topic(settings)
    missing = [topic for topic in needed if topic not in there]
    if missing:
        hidden = hidden_topics(settings, "status")
        lines = [hidden.get(topic, f"topic {topic} does not exist") for topic in missing]
        raise CannotDo(lines, None if hidden else MAKE_TOPICS)


def _flow(settings: Settings, now: float, followed: Followed | None) -> Flow:
    from worker.core.flow import Flow

    with ThreadPoolExecutor(5, "status") as threads:
        source = threads.submit(_of_source, settings, now)
        tiers = threads.submit(_of_tiers, settings, now)
        members = threads.submit(members_of, settings)
        told = threads.submit(_told, settings, now, followed)
        (lag, oldest), dead_letters = source.result(), _dead_letters(settings, now)
        steps, orders, unreadable, every = told.result()
        counted, reports = present(members.result(), every)
        waiting = tiers.result()
        return Flow(now, counted, lag, oldest, waiting, steps, dead_letters, orders, unreadable, reports)


def _of_source(settings: Settings, now: float) -> tuple[int, float]:
    """How many records are not ended, and since how many seconds the first of them lies there."""
    from worker.adapters.kafka.group_state import GroupState

    group = {**reading_config(settings), "group.id": settings.kafka.group_id}
    with GroupState(group) as state:
        found = state.standing([settings.kafka.topic])
        left = {at: one.left for at, one in found.items()}
        firsts = state.firsts({at: found[at].next for at, count in left.items() if count})
    oldest = max((now - record.timestamp for record in firsts.values() if record.timestamp), default=0.0)
    return sum(left.values()), max(0.0, oldest)


def _of_tiers(settings: Settings, now: float) -> list[TierState]:
    from worker.adapters.kafka.group_state import GroupState
    from worker.core.flow import TierState

    group = {**reading_config(settings), "group.id": settings.retry_group}
    topics = {settings.tier_topic(tier): tier for tier in settings.tiers}
    with GroupState(group) as state:
        found = state.standing(topics)
        firsts = state.firsts({at: one.next for at, one in found.items() if one.left})
    states = []
    for topic, tier in topics.items():
        waiting = sum(one.left for at, one in found.items() if at.topic == topic)
        dues = [_due(record, tier.seconds) for at, record in firsts.items() if at.topic == topic]
        states.append(TierState(tier.label, waiting, max(0.0, now - min(dues, default=now))))
    return states


def _due(record: Record, delay: float) -> float:
    from schemas import WorkerHeaders

    due = WorkerHeaders.read(record.headers).due_at
    return record.timestamp if due is None else min(due, record.timestamp + delay)


def _told(settings: Settings, now: float, followed: Followed | None) -> Followed:
    """What the journal and the control topic tell."""
    if followed is not None:
        return followed
    with ThreadPoolExecutor(1, "status") as threads:
        steps = threads.submit(_steps, settings, now)
        orders, reports = _of_control(settings)
        return Followed(steps.result(), orders.standing(now), sorted(orders.unreadable), reports)


def _of_control(settings: Settings) -> tuple[OrderBook, list[WorkerReport]]:
    """The orders, and what workers said of themselves."""
    from worker.core.order_book import OrderBook
    from worker.core.worker_report import is_report, read

    book, said = OrderBook(), {}
    with opened(reading_config(settings), settings.control_topic) as reader:
        for record in reader.read(reader.spans(), keep=_is_of_control):
            book.take(record.key, record.value)
            if is_report(record.key):
                said[record.key] = read(record.key, record.value)
    return book, [report for report in said.values() if report is not None]


def _is_of_control(key: bytes | None, _value: bytes | None) -> bool:
    from worker.core.order_records import key_of
    from worker.core.worker_report import is_report

    return is_report(key) or key_of(key) is not None


def _dead_letters(settings: Settings, now: float) -> int:
    from worker.adapters.kafka.group_state import GroupState

    with GroupState(reading_config(settings)) as state:
        return state.since(settings.dlq_topic, now - HOUR_SECONDS)


def _steps(settings: Settings, now: float) -> Steps:
    """What the end of the journal tells; nothing where none is kept."""
    from worker.core.flow import Steps

    if not settings.journal.enabled:
        return Steps(0.0)
    with opened(reading_config(settings), settings.journal_topic) as reader:
        whole = reader.spans(now - RECENT_SECONDS)
        if not any(span.length for span in whole.values()):
            return Steps(RECENT_SECONDS, last=_last(reader, whole))
        return _counted(reader, whole)


def _last(reader: TopicReader, ends: Mapping[Partition, Span]) -> float | None:
    """When the newest record of the journal was written."""
    from worker.adapters.kafka.topic_reader import Span

    newest = {at: Span(span.end - 1, span.end) for at, span in ends.items() if span.end > 0}
    return max((record.timestamp for record in reader.read(newest)), default=None)


def _counted(reader: TopicReader, whole: Mapping[Partition, Span]) -> Steps:
    from worker.adapters.kafka.topic_reader import Span
    from worker.core.flow import Steps

    most = max(1, MOST_STEPS // len(whole))
    part = {at: Span(max(span.start, span.end - most), span.end) for at, span in whole.items()}
    found: Counter[tuple[Partition, str | None]] = Counter()
    last = 0.0
    for record in reader.read(part):
        last = max(last, record.timestamp)
        found[record.at, _outcome(record)] += 1
    total: Counter[str | None] = Counter()
    for (at, outcome), count in found.items():
        total[outcome] += round(count * whole[at].length / part[at].length)
    failed = {name: count for name, count in total.most_common() if name not in {None, DELIVERED}}
    return Steps(RECENT_SECONDS, total[DELIVERED], {str(name): count for name, count in failed.items()}, last)


DELIVERED = "delivered"


def _outcome(record: Record) -> str | None:
    """What an attempt came to: delivered, or the status or kind of its failure; None for no attempt."""
    from schemas import StepKind, read_step

    step = read_step(record.value)
    if step is None or step.ms is None:
        return None
    if step.step is StepKind.DELIVERED:
        return DELIVERED
    return str(step.status) if step.status is not None else step.reason


def unwell(found: Sequence[Status]) -> bool:
    """Whether somebody need do something for one of these."""
    return any(not one.judged.verdict.is_well for one in found)
