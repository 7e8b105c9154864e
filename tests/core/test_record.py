"""Records as they are read and published."""

from __future__ import annotations

import pytest

from worker.core.record import Outgoing


@pytest.mark.parametrize(
    ("partition", "partitions", "becomes"),
    [(None, 2, None), (1, 2, 1), (2, 2, 0), (7, 2, 1), (7, 0, 7)],
)
def test_a_partition_that_is_not_there(partition: int | None, partitions: int, becomes: int | None) -> None:
    """A partition that the topic does not have becomes the one left by division, where theirs is known."""
    message = Outgoing("t", b"key", b"value", (), partition)
    assert message.within(partitions) == Outgoing("t", b"key", b"value", (), becomes)
