"""What the gauges show of the holdings of a running worker."""

from __future__ import annotations

from collections.abc import Iterable

from worker.core.holding import Holding
from worker.ports import Lag, PartitionState


def partition_state(holding: Holding, lag: Lag | None, now: float) -> PartitionState:
    """Describe one holding."""
    behind = None
    if lag is not None:
        committed = holding.committed if holding.committed is not None else lag.low
        behind = max(0, lag.high - max(committed, lag.low))
    oldest = holding.oldest()
    age = max(0.0, now - oldest.timestamp) if oldest is not None and oldest.timestamp else 0.0
    return PartitionState(holding.at, holding.ledger.unfinished, age, behind)


def overdue_by_tier(holdings: Iterable[Holding], now: float) -> dict[str, float]:
    """How late the head of each tier is, in seconds; 0.0 for a tier whose heads are in time."""
    late: dict[str, float] = {}
    for holding in holdings:
        if holding.tier is not None:
            head = holding.waiting[0].due if holding.waiting else now
            late[holding.tier.label] = max(late.get(holding.tier.label, 0.0), now - head)
    return late
