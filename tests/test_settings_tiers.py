"""Delay topics by their names: which are the group's, and what their delay is."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from worker.compiled import own_topics
from worker.core.retry import Tier
from worker.core.topics import DAY_SECONDS
from worker.settings import Settings
from worker.settings.tiers import PartitionCounts, any_tier, former_tier

SETTINGS = Settings()


@pytest.mark.parametrize(
    ("topic", "tier"),
    [
        ("postback-worker.retry.90s", Tier("90s", 90.0)),
        ("postback-worker.retry.500ms", Tier("500ms", 0.5)),
        ("postback-worker.retry.90x", None),
        ("postback-worker.retry.10s", None),
        ("postback-worker.dlq", None),
        ("conversions", None),
    ],
)
def test_former_tiers(topic: str, tier: Tier | None) -> None:
    """A delay topic of the group that is no longer configured has the delay of its name."""
    assert former_tier(SETTINGS, topic) == tier
    if tier is not None:
        assert re.match(any_tier(SETTINGS.kafka.group_id), topic)


@pytest.mark.parametrize(
    "topic", ["postback-worker.dlq", "postback-workerxretry.10s", "x.postback-worker.retry.1m"]
)
def test_topics_of_others(topic: str) -> None:
    """No other topic is taken for a delay tier."""
    assert not re.match(any_tier(SETTINGS.kafka.group_id), topic)


class Topics(dict[str, int]):
    """Numbers of partitions by topic; counts how often all of it is walked through."""

    walks = 0

    def __iter__(self) -> Iterator[str]:
        self.walks += 1
        return super().__iter__()


def test_how_many_partitions_ours_have() -> None:
    """The source's and all tiers' count, 0 where unknown; all topics are walked only where they changed."""
    counts = PartitionCounts(Settings.model_validate({"retry": {"delays": "10s"}}))
    ours = {"conversions": 0, "postback-worker.retry.10s": 0}
    assert counts.of({}) == ours
    there = Topics({"others": 9, **dict.fromkeys(ours, 4)})
    assert counts.of(there) == dict.fromkeys(ours, 4)
    walks = there.walks
    assert walks
    there["conversions"] = 6
    assert counts.of(there) == {**dict.fromkeys(ours, 4), "conversions": 6}
    assert there.walks == walks
    there["postback-worker.retry.90s"] = 4
    assert list(counts.of(there).items())[2:] == [("postback-worker.retry.90s", 4)]
    del there["postback-worker.retry.10s"]
    assert counts.of(there)["postback-worker.retry.10s"] == 0


@pytest.mark.parametrize(("window", "days"), [("24h", 31), ("60d", 61)])
def test_how_long_steps_are_kept(window: str, days: int) -> None:
    """The journal is kept for a day longer than the longer one of the windows that ask for it."""
    settings = Settings.model_validate({"journal": {"dedup_window": window}})
    (journal,) = (topic for topic in own_topics(settings) if topic.name == settings.journal_topic)
    assert journal.retention == days * DAY_SECONDS
