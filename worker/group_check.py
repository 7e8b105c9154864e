"""Asks whose the groups of a destination are: before the start, and while partitions are claimed.

The rule: a broker that does not answer keeps nobody from starting, but from claiming partitions.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import partial

from worker.adapters.kafka import KafkaUnavailable
from worker.adapters.kafka.committed_offsets import Owners, commits_of, has_read, owners_of
from worker.adapters.kafka.config import Config
from worker.adapters.kafka.group_state import GroupState
from worker.adapters.own_thread import in_own_thread
from worker.compiled import identity_of
from worker.core.group_ownership import belongs_line, unread_line
from worker.settings import Settings
from worker.settings.several import former_group, left_line

LOOK_AGAIN_SECONDS = 1.0
"""Seconds until a broker that did not answer is asked again who owns a group."""


class GroupCheck:
    """Looks at the groups of one destination; `config_of` is a member's configuration, by its group."""

    def __init__(self, settings: Settings, config_of: Callable[[str], Config]) -> None:
        self._settings = settings
        self._config_of = config_of

    async def problems(self, *, adopt: bool) -> list[str]:
        """A line if another deployment owns the group (unless we `adopt` it), or ours has left another."""
        settings = self._settings
        try:
            other, has_begun = await self._look()
        except KafkaUnavailable:
            return []  # it is checked again once partitions are ours
        if other is not None and not adopt:
            return [belongs_line(settings.kafka.group_id, other, identity_of(settings))]
        former = former_group(settings)
        is_left = not has_begun and former is not None and await self._was_in(former)
        return [left_line(settings, former)] if is_left and former is not None else []

    async def unread(self) -> list[str]:
        """A line for each former source that the group has not read to its end, if the broker tells."""
        ask = partial(unread_lines, self._config_of(self._settings.kafka.group_id), self._settings)
        try:
            return await in_own_thread("kafka-former-source", ask, KafkaUnavailable)
        except KafkaUnavailable:
            return []

    async def stranger(self) -> str | None:
        """Name another deployment in our groups, or None, as soon as the broker answers."""
        while True:
            try:
                return (await self._look()).stranger
            except KafkaUnavailable:
                await asyncio.sleep(LOOK_AGAIN_SECONDS)

    def _look(self) -> asyncio.Future[Owners]:
        settings = self._settings
        source, tiers = (self._config_of(group) for group in (settings.kafka.group_id, settings.retry_group))
        ask = partial(owners_of, source, tiers, identity_of(settings))
        return in_own_thread("kafka-group", ask, KafkaUnavailable)

    async def _was_in(self, former: str) -> bool:
        ask = partial(has_read, self._config_of(former), identity_of(self._settings))
        try:
            return await in_own_thread("kafka-former-group", ask, KafkaUnavailable)
        except KafkaUnavailable:
            return False  # nobody needs a right on a group of before


def unread_lines(group: Config, settings: Settings) -> list[str]:
    """A line for each other topic that the group has begun with and not read to its end. Blocking.

    `group` is a member's configuration. Raises KafkaUnavailable.
    """
    ours = identity_of(settings)
    topics = {commit.topic for commit in commits_of(group, lambda topic: topic != ours.source)}
    left: Counter[str] = Counter()
    with GroupState(group) as state:
        for at, one in state.standing(topics).items():
            left[at.topic] += one.left
    return [
        unread_line(settings.kafka.group_id, topic, count, ours)
        for topic, count in sorted(left.items())
        if count
    ]
