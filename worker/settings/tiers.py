"""The delay topics of former settings: found by name, and consumed like the current ones.

The rule: the name holds the delay, so a tier that is no longer configured needs no other state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

from worker.core.retry import Tier
from worker.core.rights import Needs, needs
from worker.settings.model import Settings
from worker.settings.values import parse_duration


def any_tier(group: str) -> str:
    """The pattern of every delay topic of a group.

    A pattern rather than a list of existing topics: it needs no second rebalance once the list is known, and
    a deleted topic is no error. Both group protocols accept it.
    """
    return f"^{group.replace('.', '[.]')}[.]retry[.][0-9]+[a-z]+$"


def rights_needed(settings: Settings) -> Needs:
    """The rights that a worker with these settings needs at the broker."""
    tiers = [settings.tier_topic(tier) for tier in settings.tiers]
    groups = [settings.kafka.group_id, settings.retry_group]
    journal = [settings.journal_topic] if settings.journal.enabled else []
    return needs(
        settings.kafka.topic, [*tiers, settings.control_topic, *journal], [settings.dlq_topic], groups
    )


def every_tier(settings: Settings, there: Iterable[str]) -> dict[str, Tier]:
    """The tiers by topic: those of the settings, then the former ones among the topics `there`, sorted."""
    former = {topic: tier for topic in sorted(there) if (tier := former_tier(settings, topic)) is not None}
    return {settings.tier_topic(tier): tier for tier in settings.tiers} | former


class PartitionCounts:
    """The numbers of partitions of the source and of every tier.

    Which topics are tiers is found again only when the topics change: a cluster may have thousands.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._there: Set[str] = frozenset()
        self._own = self._find(())

    def of(self, there: Mapping[str, int]) -> dict[str, int]:
        """The numbers of ours among those of all topics; 0 if unknown."""
        if there.keys() != self._there:
            self._there, self._own = frozenset(there), self._find(there)
        return {topic: there.get(topic, 0) for topic in self._own}

    def _find(self, there: Iterable[str]) -> tuple[str, ...]:
        return self._settings.kafka.topic, *every_tier(self._settings, there)


def former_tier(settings: Settings, topic: str) -> Tier | None:
    """The tier of a delay topic that is no longer in the settings; None for any other topic."""
    label = topic.removeprefix(f"{settings.kafka.group_id}.retry.")
    if label == topic or topic in {settings.tier_topic(tier) for tier in settings.tiers}:
        return None
    try:
        return Tier(label, parse_duration(label))
    except ValueError:
        return None
