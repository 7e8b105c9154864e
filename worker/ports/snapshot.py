"""A snapshot of a worker, for gauges and the status line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from worker.core.admission.circuit import CircuitState
from worker.core.admission.held import HeldReason
from worker.core.admission.outage import Outage
from worker.core.record import Partition
from worker.core.silence import Silence


class PartitionState(NamedTuple):
    """One assigned partition. `lag` counts from the committed offset; None if unknown."""

    at: Partition
    outstanding: int
    oldest_seconds: float
    lag: int | None


class Snapshot(NamedTuple):
    """A worker at one moment."""

    in_flight: int
    limit: int
    circuit: CircuitState
    paused: int
    partitions: tuple[PartitionState, ...]
    overdue: Mapping[str, float]
    """Seconds by which the head of each tier is late, by its label."""
    stopped: int = 0
    """Partitions stopped at an unreadable record."""
    barred: int = 0
    """Partitions that rest because they may be another deployment's."""
    outage: Outage | None = None
    """The open circuit's outage; None while it is closed."""
    silent: Sequence[Silence] = ()
    """Partitions that have records but yield none."""
    held: frozenset[HeldReason] = frozenset()
    """Why nothing is sent; empty while records may go."""
    remembered: int | None = None
    """How many conversions are remembered; None if copies are sent."""
    forgotten: int = 0
    """How many were forgotten before their window ended."""
    workers_wanted: float = 0.0
    """How many workers these partitions' due records could use."""
