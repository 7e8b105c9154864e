"""What the gauges, and the line of status, show of a running worker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from schemas.moment import format_time
from worker.core.admission.outage import Outage
from worker.core.holding import Holding
from worker.ports import PartitionState, Snapshot, Watermarks


def partition_state(holding: Holding, lag: Watermarks | None, now: float) -> PartitionState:
    """Describe one holding."""
    behind = None
    if lag is not None:
        committed = holding.committed if holding.committed is not None else lag.low
        behind = max(0, lag.high - max(committed, lag.low))
    oldest = holding.oldest()
    age = max(0.0, now - oldest.timestamp) if oldest is not None and oldest.timestamp else 0.0
    return PartitionState(holding.at, holding.offsets.unfinished, age, behind)


def overdue_by_tier(holdings: Iterable[Holding], now: float) -> dict[str, float]:
    """How late the head of each tier is, in seconds; 0.0 for a tier whose heads are in time."""
    late: dict[str, float] = {}
    for holding in holdings:
        if holding.tier is not None:
            head = holding.waiting[0].due if holding.waiting else holding.asleep_until or now
            late[holding.tier.label] = max(late.get(holding.tier.label, 0.0), now - head)
    return late


def outage_fields(outage: Outage) -> Mapping[str, object]:
    """What is told of an open circuit: since when, for which cause, and how many probes it has had."""
    return {
        "since": format_time(outage.since),
        "status": outage.label,
        "error": outage.error,
        "share": round(outage.share, 2),
        "probes": outage.probes,
    }


def status_fields(now: Snapshot, not_ready: Iterable[str]) -> Mapping[str, object]:
    """What one line says of a worker: what is under way, what is behind, and why it is not ready."""
    lags = [state.lag for state in now.partitions if state.lag is not None]
    return {
        "in_flight": now.in_flight,
        "limit": now.limit,
        "circuit": now.circuit.name.lower(),
        "partitions": len(now.partitions),
        "paused": now.paused,
        "outstanding": sum(state.outstanding for state in now.partitions),
        "lag": sum(lags),
        "overdue_seconds": round(max(now.overdue.values(), default=0.0), 1),
        "not_ready": list(not_ready),
    }
