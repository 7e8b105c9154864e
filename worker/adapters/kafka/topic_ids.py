"""Watches the ids of topics and of their cluster, and how many partitions each topic has.

A topic that was deleted and made again has another id.
The rule: a thread of its own asks, with the one admin client of the process; reading its answers does not
wait. A broker that does not answer (an old one, the embedded one, one that refuses) leaves an id unknown,
which changes nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from worker.adapters.kafka.config import QUIET, Config
from worker.adapters.kafka.errors import error_code, ignore, made_from_settings
from worker.adapters.kafka.group_questions import ask_of_groups
from worker.adapters.kafka.hearing import ClientHearing
from worker.core.binding import LogId

LOOK_EVERY_SECONDS = 1.0
"""Seconds between two looks: records that a new log yields within this time may be read again."""

SELDOM_EVERY_SECONDS = 5.0
"""Seconds between two looks at a topic that is asked for seldom: each answer costs about 0.2 ms of CPU."""

SOON_SECONDS = 0.1
"""Least seconds between two looks, however often somebody hurries them."""

TIMEOUT_SECONDS = 3.0
"""Seconds that a look may take, and that a caller waits for one."""


CLOSE_TIMEOUT_SECONDS = 0.5
"""Seconds that closing waits for the thread; one that waits for a broker is left behind."""

_SLACK_SECONDS = 0.5  # the client answers a little later than it was told to
_NOT_SAID = "A" * 22  # the zero id in base64
_Answer = TypeVar("_Answer")


class _TopicAnswer(NamedTuple):
    """The answer about a topic: its id, if given, and its partitions, 0 if it does not exist."""

    topic_id: str | None
    partitions: int


_ABSENT = _TopicAnswer(None, 0)


class TopicIds:
    """Watches the topics that were asked for; a context manager, whose thread ends with it.

    `config` is made by `admin_config`; the `seldom` topics are looked at every SELDOM_EVERY_SECONDS, unless
    somebody asks or hurries. If the thread dies it calls `on_failed`. Any thread may call any method.
    """

    def __init__(
        self,
        config: Config,
        seldom: Collection[str] = (),
        on_failed: Callable[[BaseException], object] | None = None,
    ) -> None:
        self._config = config
        self._on_failed = on_failed
        self._seldom = frozenset(seldom)
        self._turn = threading.Condition()
        self._followed: set[str] = set()
        self._heard: dict[str, str] = {}
        self._partitions: dict[str, int] = {}
        self._cluster: str | None = None
        self._wanted = self._answered = 0
        self._looked_at = self._all_looked_at = float("-inf")
        self._closed = self._is_old = False
        self._thread: threading.Thread | None = None
        self._admin: AdminClient | None = None
        self._hearing = ClientHearing(config)
        self.revision = 0
        """Grows with each id that is new or has changed."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Make the client and begin to watch; raise KafkaUnavailable for bad settings."""
        with made_from_settings():
            admin = self._admin = self._client()
        self._thread = threading.Thread(target=self._run, args=(admin,), name="kafka-topic-ids", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread, without waiting for a look under way, and release all waiters; idempotent."""
        with self._turn:
            self._closed = True
            self._turn.notify_all()
        if self._thread is not None:
            self._thread.join(CLOSE_TIMEOUT_SECONDS)

    def relogin(self, username: str, password: str) -> None:
        """Log in as this user from now on."""
        if self._admin is not None:
            self._admin.set_sasl_credentials(username, password)

    def renew(self) -> None:
        """Use another client from the next look on."""
        self._is_old = True

    def of(self, topics: Collection[str], timeout: float = TIMEOUT_SECONDS) -> Mapping[str, LogId]:
        """Ask for these now, and watch them from now on; without an answer in time, as last heard."""
        deadline = time.monotonic() + timeout
        with self._turn:
            self._followed |= set(topics)
            self._wanted += 1
            ticket = self._wanted
            self._turn.notify_all()
            while self._answered < ticket and not self._closed and (left := deadline - time.monotonic()) > 0:
                self._turn.wait(left)
            return {topic: self.heard(topic) for topic in topics}

    def heard(self, topic: str) -> LogId:
        """What was last heard of a topic; does not wait."""
        return LogId(self._cluster, self._heard.get(topic))

    def partitions(self, topic: str) -> int | None:
        """How many partitions a topic has, 0 if it does not exist; None if unknown."""
        return self._partitions.get(topic)

    def hurry(self) -> None:
        """Look now, unless the last look is very recent: something hints that a topic was made anew."""
        with self._turn:
            if time.monotonic() - self._looked_at >= SOON_SECONDS:
                self._wanted += 1
                self._turn.notify_all()

    def ask_of_group(self, group: str) -> Future[Any] | None:
        """Ask who is in a group, with the same client; there may never be an answer."""
        admin = self._admin
        return None if admin is None else _asked(lambda: ask_of_groups(admin, [group])[group])

    # --- the thread ----------------------------------------------------------------------------

    def _client(self) -> AdminClient:
        # Silent: what keeps it from asking keeps the consumers from it, too, and they report it.
        settings: dict[str, Any] = {**self._config, **QUIET, "error_cb": ignore}
        return AdminClient(settings)

    def _asked_anew(self, admin: AdminClient) -> AdminClient:
        """Another client, or the same one until the next look if none can be made."""
        try:
            fresh = self._admin = self._client()
        except (KafkaException, ValueError, TypeError):
            return admin
        self._is_old = False
        return fresh

    def _run(self, admin: AdminClient) -> None:
        try:
            self._work(admin)
        except BaseException as error:  # nothing may end the thread unheard
            if self._on_failed is None:
                raise
            if not self._closed:
                self._on_failed(error)

    def _work(self, admin: AdminClient) -> None:
        while (wanted := self._wait_for_turn()) is not None:
            if self._is_old or self._hearing.is_deaf(admin):
                admin = self._asked_anew(admin)
            topics = self._topics(wanted)
            cluster = self._cluster or _cluster_id(admin)
            answers = _describe(admin, topics) if topics and cluster is not None else {}
            if answers:
                self._hearing.heard(time.monotonic())
            with self._turn:
                self._note(cluster, topics, answers)
                self._answered, self._looked_at = wanted, time.monotonic()
                self._turn.notify_all()

    def _wait_for_turn(self) -> int | None:
        """Wait for the next look; return how many were wanted so far, None once closed."""
        with self._turn:
            self._turn.wait_for(lambda: self._closed or self._wanted > self._answered, LOOK_EVERY_SECONDS)
            return None if self._closed else self._wanted

    def _topics(self, wanted: int) -> list[str]:
        """What to look at now: all, if somebody wants to know or it is time, else what is not seldom."""
        with self._turn:
            now = time.monotonic()
            if wanted > self._answered or now - self._all_looked_at >= SELDOM_EVERY_SECONDS:
                self._all_looked_at = now
                return sorted(self._followed)
            return sorted(self._followed - self._seldom)

    def _note(self, cluster: str | None, asked: Collection[str], answers: Mapping[str, _TopicAnswer]) -> None:
        self._cluster = cluster
        ids = {topic: of.topic_id for topic, of in answers.items() if of.topic_id is not None}
        news = {topic: topic_id for topic, topic_id in ids.items() if self._heard.get(topic) != topic_id}
        self._heard.update(news)
        kept = {topic: count for topic, count in self._partitions.items() if topic not in asked}
        self._partitions = kept | {topic: of.partitions for topic, of in answers.items()}
        self.revision += len(news)


def _describe(admin: AdminClient, topics: Collection[str]) -> dict[str, _TopicAnswer]:
    """What the broker says about these topics, without those that it says nothing about."""
    answers = _asked(
        lambda: admin.describe_topics(TopicCollection(list(topics)), request_timeout=TIMEOUT_SECONDS)
    )
    outcomes = {topic: _outcome(answer) for topic, answer in (answers or {}).items()}
    return {topic: of for topic, of in outcomes.items() if of is not None}


def _cluster_id(admin: AdminClient) -> str | None:
    """The cluster's id; None if nobody answers, or there is no controller to ask further."""
    found = _asked(lambda: admin.list_topics(timeout=TIMEOUT_SECONDS))
    return found.cluster_id if found is not None and found.controller_id in found.brokers else None


def _asked(ask: Callable[[], _Answer]) -> _Answer | None:
    try:
        return ask()
    except (KafkaException, ValueError, TypeError):
        return None


def _outcome(answer: Future[Any]) -> _TopicAnswer | None:
    """What the broker said; None if it did not answer, or refused."""
    try:
        of = answer.result(TIMEOUT_SECONDS + _SLACK_SECONDS)
    except (KafkaException, TimeoutError) as error:
        return _ABSENT if error_code(error) == KafkaError.UNKNOWN_TOPIC_OR_PART else None
    topic_id = str(of.topic_id)
    return _TopicAnswer(None if topic_id == _NOT_SAID else topic_id, len(of.partitions))
