"""When a partition is moved whose offset can't be used: never in a loop."""

from __future__ import annotations

from itertools import pairwise

import pytest
from confluent_kafka import KafkaError

from worker.adapters.kafka.errors import is_unusable
from worker.adapters.kafka.loop_bridge import Epoch
from worker.adapters.kafka.unusable_offsets import (
    CALM_AFTER_SECONDS,
    LONGEST_PAUSE_SECONDS,
    UnusableOffset,
    UnusableOffsets,
    parted_at,
)
from worker.core.record import Partition

ONE = UnusableOffset(Epoch(Partition("conversions", 0), 1), 7, None)
OTHER = UnusableOffset(Epoch(Partition("conversions", 1), 1), 8, None)
UNUSABLE = KafkaError._AUTO_OFFSET_RESET


def test_pauses_grow() -> None:
    """However often an offset of a partition can't be used, its moves come further and further apart."""
    offsets, moved_at = UnusableOffsets(), []
    for tenth in range(2_000):
        offsets.note(ONE)
        if offsets.due(tenth / 10):
            moved_at.append(tenth // 10)
    assert moved_at == [0, 1, 3, 7, 15, 31, 61, 91, 121, 151, 181]
    assert max(later - before for before, later in pairwise(moved_at)) == LONGEST_PAUSE_SECONDS


def test_each_for_itself() -> None:
    """The pause of one partition does not keep another waiting."""
    offsets = UnusableOffsets()
    offsets.note(ONE)
    assert offsets.due(0.0) == [ONE]
    offsets.note(ONE)
    offsets.note(OTHER)
    assert offsets.due(0.5) == [OTHER]
    assert offsets.due(1.0) == [ONE]
    assert offsets.due(50.0) == []


def test_calm_again() -> None:
    """After a long time the next move is made at once."""
    offsets = UnusableOffsets()
    for now in (0.0, CALM_AFTER_SECONDS):
        offsets.note(ONE)
        assert offsets.due(now) == [ONE]
    offsets.note(ONE)
    assert offsets.due(CALM_AFTER_SECONDS + 1.0) == [ONE]


@pytest.mark.parametrize(
    ("text", "parted"),
    [
        ("log truncation detected at offset 20: broker end offset is 10 (offset leader epoch 0).", 10),
        ("No epoch found less or equal: broker end offset is -1 (offset leader epoch -1).", None),
        ("fetch failed due to requested offset not available on the broker", None),
    ],
)
def test_where_it_parted(text: str, parted: int | None) -> None:
    """Where the epochs parted is read from the client's words, if they tell."""
    error = KafkaError(UNUSABLE, text)
    assert parted_at(error) == parted
    assert is_unusable(error)


def test_other_errors() -> None:
    """Other errors are of something else."""
    assert not is_unusable(KafkaError(KafkaError._TRANSPORT))
