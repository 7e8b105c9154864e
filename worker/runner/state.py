"""What the gauges and the status line show of a running worker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from schemas.moment import format_time
from worker.core.admission.outage import Outage
from worker.core.assigned_partition import AssignedPartition
from worker.core.record import Partition
from worker.ports import PartitionState, Snapshot, Watermarks

MOST_NAMES = 3
"""Partitions that are named in one line."""


def partition_state(partition: AssignedPartition, lag: Watermarks | None, now: float) -> PartitionState:
    """Describe one partition."""
    behind = None
    if lag is not None:
        claimed = partition.offsets.position if partition.committed is None else partition.committed
        behind = max(0, lag.high - max(claimed or 0, lag.low))
    oldest = partition.oldest()
    age = max(0.0, now - oldest.timestamp) if oldest is not None and oldest.timestamp else 0.0
    return PartitionState(partition.at, partition.offsets.unfinished, age, behind)


def overdue_by_tier(partitions: Iterable[AssignedPartition], now: float) -> dict[str, float]:
    """How late the head of each tier is, in seconds; 0.0 if it is on time."""
    late: dict[str, float] = {}
    for partition in partitions:
        if partition.tier is not None:
            head = partition.waiting[0].due if partition.waiting else partition.asleep_until or now
            late[partition.tier.label] = max(late.get(partition.tier.label, 0.0), now - head)
    return late


def barred_lines(partitions: Iterable[AssignedPartition]) -> Iterable[str]:
    """A line for each reason why partitions are barred."""
    for why, names in _by_reason((one.at, one.barred) for one in partitions):
        yield f"{names} {'rest' if ', ' in names else 'rests'}: {why}"


def warming_lines(partitions: Iterable[AssignedPartition]) -> Iterable[str]:
    """A line for each reason why the journal of partitions is not read yet."""
    for why, names in _by_reason((one.at, one.warming and one.warming.why) for one in partitions):
        yield f"warming: {names}: {why}"


def not_begun_lines(reasons: Mapping[Partition, str]) -> Iterable[str]:
    """A line for each reason why it is unknown where partitions begin."""
    for why, names in _by_reason(reasons.items()):
        yield f"{names}: not read until it is known where to begin: {why}"


def _by_reason(reasons: Iterable[tuple[Partition, str | None]]) -> Iterable[tuple[str, str]]:
    """Each reason, with the first few of its partitions."""
    resting: dict[str, list[str]] = {}
    for at, why in reasons:
        if why is not None:
            resting.setdefault(why, []).append(str(at))
    for why, names in resting.items():
        yield why, ", ".join(sorted(names)[:MOST_NAMES]) + " …" * (len(names) > MOST_NAMES)


def outage_fields(outage: Outage) -> Mapping[str, object]:
    """The fields of an open circuit: since when, why, and how many probes."""
    return {
        "since": format_time(outage.since),
        "status": outage.label,
        "error": outage.error,
        "share": round(outage.share, 2),
        "probes": outage.probes,
    }


def status_fields(now: Snapshot, not_ready: Iterable[str]) -> Mapping[str, object]:
    """The fields of the status line: what is in flight, what is behind, and why the worker is not ready."""
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
