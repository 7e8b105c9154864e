"""Every metric that a worker may export."""

from __future__ import annotations

from collections.abc import Mapping

from tests.adapters.happenings import tell_everything
from worker.adapters.metrics import Metrics
from worker.core.admission.circuit import CircuitState
from worker.core.record import Partition
from worker.ports import PartitionState, Snapshot


def exported() -> Mapping[str, set[str]]:
    """The samples, each with its labels."""
    metrics = Metrics()
    observer = metrics.of("momentscience", ["postback-worker.dlq"])
    metrics.watch(
        "momentscience",
        lambda: Snapshot(
            in_flight=0,
            limit=1,
            circuit=CircuitState.CLOSED,
            paused=0,
            partitions=(PartitionState(Partition("conversions", 0), 0, 0.0, 0),),
            overdue={"10s": 0.0},
            remembered=0,
        ),
        lambda: (),
    )
    tell_everything(observer)
    return {
        sample.name: set(sample.labels) for family in metrics.registry.collect() for sample in family.samples
    }
