"""A worker at one moment, for gauges and for a line of status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from worker.core.admission.circuit import CircuitState
from worker.core.admission.held import Held
from worker.core.admission.outage import Outage
from worker.core.record import Partition
from worker.core.silence import Silence


class PartitionState(NamedTuple):
    """One assigned partition. `lag` counts from the committed offset; None where the broker has not said."""

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
    """Partitions that stand at a record that can't be read."""
    barred: int = 0
    """Partitions that rest because they are another deployment's."""
    outage: Outage | None = None
    """What is known of the open circuit; None while it is closed."""
    silent: Sequence[Silence] = ()
    """Partitions that have records and give none."""
    held: frozenset[Held] = frozenset()
    """Why nothing is sent; empty while records may go."""
    remembered: int | None = None
    """How many conversions are remembered, for their copies; None where none are."""
    forgotten: int = 0
    """How many were forgotten before their window."""
    workers_wanted: float = 0.0
    """How many workers what is due of these partitions could use."""
