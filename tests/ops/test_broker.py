"""How an answer that does not come is reported."""

from __future__ import annotations

import pytest

from worker.adapters.kafka.errors import KafkaUnavailable
from worker.ops.broker import LEADERLESS, answering
from worker.ops.errors import BrokerUnavailable
from worker.settings import Settings


@pytest.mark.parametrize("or_refusing", [True, False])
def test_no_leader(or_refusing: bool) -> None:
    """A hint says what partitions without a leader need, not that the broker might be down."""
    with (
        pytest.raises(BrokerUnavailable) as caught,
        answering(Settings(), or_refusing=or_refusing),
    ):
        raise KafkaUnavailable("t/1: no leader", leaderless=True)
    assert caught.value.reasons == ["localhost:9092: t/1: no leader"]
    assert caught.value.hint == LEADERLESS
