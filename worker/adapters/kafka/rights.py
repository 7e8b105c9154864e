"""What this user may do with topics and groups, according to the broker.

The rule: it only asks, joins no group and writes nothing. What the broker does not answer is left out, never
guessed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import Future, wait
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from worker.adapters.kafka.config import QUIET, Config
from worker.adapters.kafka.errors import KafkaUnavailable, error_code, ignore, made_from_settings, one_line
from worker.adapters.kafka.group_questions import ask_of_groups
from worker.adapters.own_thread import in_own_thread
from worker.core.rights import DescribeRefused, Needs, Resource, ResourceKind, Said, lacking

TIMEOUT_SECONDS = 3.0
"""Seconds for the answers of the broker."""

_SLACK_SECONDS = 0.5  # the client answers a little later than it was told to
_DENIED = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }
)


class Rights:
    """Asks with a client of its own; `config` is made by `admin_config`. Blocking.

    Raises KafkaUnavailable for bad settings.
    """

    def __init__(self, config: Config) -> None:
        # Silent: what keeps it from asking keeps the other clients from it, too, and they report it.
        settings: dict[str, Any] = {**config, **QUIET, "error_cb": ignore}
        with made_from_settings():
            self.client = AdminClient(settings)
        self._is_controlled = False

    def said(self, needed: Needs, kinds: Collection[ResourceKind] = tuple(ResourceKind)) -> Said:
        """What the broker says about these topics and groups, or about some kinds of them."""
        if not self._may_ask():
            return {}
        # All are asked before any is waited for.
        answers = {resource: answer for kind in kinds for resource, answer in self._ask(kind, needed).items()}
        wait(answers.values(), TIMEOUT_SECONDS + _SLACK_SECONDS)
        said = {resource: _read(answer) for resource, answer in answers.items()}
        return {resource: answer for resource, answer in said.items() if answer is not None}

    def _may_ask(self) -> bool:
        """Whether there are a broker and a controller: the embedded broker has none, and does not answer."""
        if not self._is_controlled:
            try:
                found = self.client.list_topics(timeout=TIMEOUT_SECONDS)
            except KafkaException:
                return False
            self._is_controlled = found.controller_id in found.brokers
        return self._is_controlled

    def _ask(self, kind: ResourceKind, needed: Needs) -> dict[Resource, Future[Any]]:
        names = [resource.name for resource in needed if resource.kind is kind]
        if not names:
            return {}
        if kind is ResourceKind.TOPIC:
            how: dict[str, Any] = {"include_authorized_operations": True, "request_timeout": TIMEOUT_SECONDS}
            answers = self.client.describe_topics(TopicCollection(names), **how)
        else:
            answers = ask_of_groups(self.client, names, operations=True)
        return {Resource(kind, name): answer for name, answer in answers.items()}


class SharedRights:
    """Asks again and again for the rights of all destinations of a process at once, with one client.

    Only about topics: the members themselves report refused groups.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._needed: dict[Resource, frozenset[str]] = {}
        self._rights: Rights | None = None
        self._asking: asyncio.Future[Said] | None = None

    def watch(self, needed: Needs) -> RightsWatch:
        """Ask for the needs of one more destination."""
        self._needed.update(needed)
        return RightsWatch(needed, self.said)

    async def said(self) -> Said:
        """What the broker says about all topics; simultaneous callers share one answer."""
        if self._asking is None:
            self._asking = in_own_thread("kafka-rights", self._ask, KafkaUnavailable)
            self._asking.add_done_callback(self._on_answer)
        try:
            return await asyncio.shield(self._asking)
        except KafkaUnavailable:  # what keeps it from asking is reported elsewhere
            return {}

    def relogin(self, username: str, password: str) -> None:
        """Log in as this user from now on."""
        if self._rights is not None:
            self._rights.client.set_sasl_credentials(username, password)

    def renew(self) -> None:
        """Use another client from the next question on."""
        self._rights = None

    def _on_answer(self, answer: asyncio.Future[Said]) -> None:
        self._asking = None
        if not answer.cancelled():
            answer.exception()  # whoever asked hears it, if still waiting

    def _ask(self) -> Said:
        rights = self._rights
        if rights is None:
            rights = self._rights = Rights(self._config)
        return rights.said(self._needed, [ResourceKind.TOPIC])


class RightsWatch:
    """Knows which rights one destination lacks; `said` asks the broker."""

    def __init__(self, needed: Needs, said: Callable[[], Awaitable[Said]]) -> None:
        self._needed = needed
        self._said = said
        self.lacking: Mapping[Resource, str] = {}
        """What was lacking at the last look: a line for each topic and group."""

    async def look(self, refusals: Mapping[str, str]) -> None:
        """Ask anew; what the broker does not say is not lacking. `refusals` tells why groups are refused."""
        said = await self._said()
        groups = {
            Resource(ResourceKind.GROUP, group): DescribeRefused(why) for group, why in refusals.items()
        }
        self.lacking = lacking(self._needed, {**said, **groups})


def _read(answer: Future[Any]) -> frozenset[str] | DescribeRefused | None:
    """The answer about one topic or group; None without one."""
    try:
        operations = answer.result(0).authorized_operations
    except (KafkaException, TimeoutError) as error:
        return DescribeRefused(one_line(error)) if error_code(error) in _DENIED else None
    return frozenset(operation.name for operation in operations) if operations else None
