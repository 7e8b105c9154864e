"""A look at a destination through Kafka, and the clients for it.

The rule: it only reads, joins no group and moves no offset. What Kafka can't tell, the workers report on the
control topic; only reports of present members count. The clients stay open from one look to the next, and are
replaced only to log in anew. Partitions without a leader are asked nothing, for each question would wait.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from worker.ops.broker import asking, hidden_topics
from worker.ops.errors import CannotDo
from worker.ops.latest_steps import latest_steps
from worker.ops.members import members_of, present
from worker.ops.reading import MAKE_TOPICS, reading_config

if TYPE_CHECKING:
    from worker.adapters.kafka.group_state import GroupState
    from worker.adapters.kafka.topic_reader import TopicReader
    from worker.core.flow import Flow, RecentAttempts, TierState, UnreadPartitions
    from worker.core.order_book import OrderBook
    from worker.core.orders import Order
    from worker.core.record import Partition, Record
    from worker.core.worker_report import WorkerReport
    from worker.settings import Settings

HOUR_SECONDS = 3600.0


class FollowedTopics(NamedTuple):
    """What a follower of the topics knows already: the latest steps, the orders, and the workers' reports.

    `orders` are in force, `unreadable` are the keys of unreadable ones; `reports` may include workers that
    have ended.
    """

    steps: RecentAttempts
    orders: Sequence[Order]
    unreadable: Sequence[str]
    reports: Sequence[WorkerReport]


class Looker:
    """Looks at one destination. One thread at a time; any thread may call `renew`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._newest = settings
        self._clients: _Clients | None = None

    def renew(self, settings: Settings) -> None:
        """Log in with these settings from the next look on."""
        self._newest = settings

    def close(self) -> None:
        """Close the clients; the next look makes others."""
        if self._clients is not None:
            self._clients.opened.close()
            self._clients = None

    def flow(self, now: float, followed: FollowedTopics | None) -> Flow:
        """Look now. Raises CannotDo, KafkaUnavailable."""
        from worker.adapters.kafka.errors import KafkaUnavailable
        from worker.adapters.kafka.topic_reader import NoSuchTopic

        if self._newest is not self._settings:
            self._settings = self._newest
            self.close()
        if self._clients is None:
            self._clients = _Clients(self._settings)
        try:
            return _flow(self._settings, self._clients, now, followed)
        except NoSuchTopic as error:
            raise CannotDo([f"topic {error} does not exist"], MAKE_TOPICS) from error
        except KafkaUnavailable:
            self.close()  # one of them may hear no broker any more (worker/adapters/kafka/hearing.py)
            raise


class _Clients:
    """The clients; `opened` closes them. Each is used by one thread at a time.

    `unread` are the partitions that had no leader at the latest look.
    """

    def __init__(self, settings: Settings) -> None:
        from worker.adapters.kafka.group_members import GroupMembers
        from worker.adapters.kafka.group_state import GroupState
        from worker.core.flow import UnreadPartitions

        groups = [settings.kafka.group_id, settings.retry_group]
        self._settings = settings
        self._readers: dict[str, TopicReader] = {}
        with ExitStack() as opened:
            self.source, self.tiers = (
                opened.enter_context(GroupState({**reading_config(settings), "group.id": group}))
                for group in groups
            )
            self.unread = UnreadPartitions()
            self.members = opened.enter_context(GroupMembers(asking(settings), groups))
            self.opened = opened.pop_all()

    def reader(self, topic: str) -> TopicReader:
        """The reader of a topic, made at its first use."""
        from worker.adapters.kafka.topic_reader import TopicReader

        if topic not in self._readers:
            reader = TopicReader(reading_config(self._settings), topic)
            self._readers[topic] = self.opened.enter_context(reader)
        return self._readers[topic]


def _flow(settings: Settings, clients: _Clients, now: float, followed: FollowedTopics | None) -> Flow:
    from worker.core.flow import Flow

    there = _existing(settings, clients.source)
    unread = clients.unread = _unread(settings, clients, there)
    with ThreadPoolExecutor(5, "status") as threads:
        source = threads.submit(_of_source, settings, clients.source, unread, now)
        tiers = threads.submit(_of_tiers, settings, clients.tiers, there, unread, now)
        members = threads.submit(members_of, clients.members)
        told = threads.submit(_told, settings, clients, now, followed)
        (lag, oldest), waiting = source.result(), tiers.result()
        dead_letters = clients.source.since(settings.dlq_topic, now - HOUR_SECONDS, unread.dead_letters)
        steps, orders, unreadable, every = told.result()
        counted, reports = present(members.result(), every)
        figures = Flow(now, counted, lag, oldest, waiting, steps, dead_letters, orders, unreadable, reports)
        return figures._replace(unread=unread)


def _unread(settings: Settings, clients: _Clients, there: Collection[str]) -> UnreadPartitions:
    """The partitions without a leader."""
    from worker.core.flow import UnreadPartitions
    from worker.settings.tiers import every_tier

    journal = [settings.journal_topic] if settings.journal.enabled else []
    kinds: list[list[str]] = [
        [settings.kafka.topic],
        [*every_tier(settings, there)],
        [settings.dlq_topic],
        journal,
        [settings.control_topic],
    ]
    topics = [topic for some in kinds for topic in some]
    without = clients.source.leaderless(topics, clients.unread.every)
    return UnreadPartitions(*([at for at in without if at.topic in some] for some in kinds))


def _existing(settings: Settings, state: GroupState) -> Collection[str]:
    """The topics that there are; raise CannotDo if some of ours are missing."""
    tiers = [settings.tier_topic(tier) for tier in settings.tiers]
    journal = [settings.journal_topic] if settings.journal.enabled else []
    needed = [settings.kafka.topic, *tiers, settings.dlq_topic, *journal, settings.control_topic]
    there = state.topics()
    missing = [topic for topic in needed if topic not in there]
    if missing:
        hidden = hidden_topics(settings, "status")
        lines = [hidden.get(topic, f"topic {topic} does not exist") for topic in missing]
        raise CannotDo(lines, None if hidden else MAKE_TOPICS)
    return there


def _of_source(
    settings: Settings, state: GroupState, unread: UnreadPartitions, now: float
) -> tuple[int, float]:
    """How many records are unfinished, and how many seconds old the first of them is."""
    found = state.standing([settings.kafka.topic], unread.source)
    left = {at: one.left for at, one in found.items()}
    firsts = state.firsts({at: found[at].next for at, count in left.items() if count})
    oldest = max((now - record.timestamp for record in firsts.values() if record.timestamp), default=0.0)
    return sum(left.values()), max(0.0, oldest)


def _of_tiers(
    settings: Settings, state: GroupState, there: Collection[str], unread: UnreadPartitions, now: float
) -> list[TierState]:
    """What waits in the tiers; of those that the settings no longer have, where something does."""
    from worker.core.flow import TierState
    from worker.settings.tiers import every_tier

    topics = every_tier(settings, there)
    found = state.standing(topics, unread.tiers)
    firsts = state.firsts({at: one.next for at, one in found.items() if one.left})
    states = []
    for topic, tier in topics.items():
        waiting = sum(one.left for at, one in found.items() if at.topic == topic)
        if not waiting and tier not in settings.tiers:
            continue
        dues = [_due(record, tier.seconds) for at, record in firsts.items() if at.topic == topic]
        states.append(TierState(tier.label, waiting, max(0.0, now - min(dues, default=now))))
    return states


def _due(record: Record, delay: float) -> float:
    from schemas import WorkerHeaders

    due = WorkerHeaders.read(record.headers).due_at
    return record.timestamp if due is None else min(due, record.timestamp + delay)


def _told(
    settings: Settings, clients: _Clients, now: float, followed: FollowedTopics | None
) -> FollowedTopics:
    """Read the journal and the control topic, unless they are followed."""
    from worker.core.flow import RecentAttempts

    if followed is not None:
        return followed if settings.journal.enabled else followed._replace(steps=RecentAttempts(0.0))
    control = clients.reader(settings.control_topic)
    if not settings.journal.enabled:
        orders, reports = _of_control(control, clients.unread.control)
        return FollowedTopics(RecentAttempts(0.0), orders.standing(now), sorted(orders.unreadable), reports)
    journal = clients.reader(settings.journal_topic)
    with ThreadPoolExecutor(1, "status") as threads:
        steps = threads.submit(latest_steps, journal, now, clients.unread.journal)
        orders, reports = _of_control(control, clients.unread.control)
        return FollowedTopics(steps.result(), orders.standing(now), sorted(orders.unreadable), reports)


def _of_control(reader: TopicReader, unread: Collection[Partition]) -> tuple[OrderBook, list[WorkerReport]]:
    """The orders, and the workers' reports."""
    from worker.core.order_book import OrderBook
    from worker.core.worker_report import is_report, read

    book, said = OrderBook(), {}
    for record in reader.read(reader.spans(unread=unread), keep=_is_of_control):
        book.take(record.key, record.value)
        if is_report(record.key):
            said[record.key] = read(record.key, record.value)
    return book, [report for report in said.values() if report is not None]


def _is_of_control(key: bytes | None, _value: bytes | None) -> bool:
    from worker.core.order_records import key_of
    from worker.core.worker_report import is_report

    return is_report(key) or key_of(key) is not None
