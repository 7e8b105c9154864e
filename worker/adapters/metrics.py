"""The Prometheus metrics of a process: its own, and those of each destination that it serves.

The rule: metrics of a destination have the label `destination`, and no others do.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version

from confluent_kafka import libversion
from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from worker.adapters.destination_metrics import DestinationMetrics
from worker.adapters.gauges import single
from worker.adapters.process import stderr
from worker.ports import Snapshot


class Metrics(Collector):
    """All metrics of a process; `/metrics` serves `registry`.

    `started_at` (epoch seconds) is when the process began.
    """

    def __init__(self, started_at: float = 0.0) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._started_at = started_at
        self._destinations: dict[str, DestinationMetrics] = {}
        self.loop_lag = 0.0
        """How late the event loop last woke, in seconds."""
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def of(
        self, destination: str, publishes_to: Iterable[str] = (), reads: Iterable[str] = ()
    ) -> DestinationMetrics:
        """Make the observer that counts for a destination, whose topics those are."""
        metrics = self._destinations[destination] = DestinationMetrics(publishes_to, reads)
        return metrics

    def watch(
        self, destination: str, look: Callable[[], Snapshot], not_ready: Callable[[], Iterable[str]]
    ) -> None:
        """Show the gauges of a destination; `not_ready` gives its reasons on `/readyz`."""
        self._destinations[destination].watch(look, not_ready)

    def collect(self) -> Iterable[Metric]:
        """Describe all metrics, with one family for each name, whatever the number of destinations."""
        yield from _by_destination(self._destinations)
        yield single("event_loop_lag_seconds", "How late the event loop last woke", self.loop_lag)
        yield single("start_time_seconds", "When this process started", self._started_at)
        yield CounterMetricFamily(
            "postback_log_lines_dropped", "Log lines that could not be written", value=stderr.dropped()
        )
        info = GaugeMetricFamily(
            "postback_build_info", "What runs", labels=["version", "python", "librdkafka"]
        )
        info.add_metric([version("postback-worker"), platform.python_version(), libversion()[0]], 1)
        yield info


def _by_destination(destinations: Mapping[str, DestinationMetrics]) -> Iterable[Metric]:
    """The metrics of all destinations, with their label; the exposition format allows each family once."""
    families: dict[str, Metric] = {}
    for destination, metrics in destinations.items():
        for told in metrics.collect():
            family = families.setdefault(told.name, Metric(told.name, told.documentation, told.type))
            family.samples += [
                sample._replace(labels={"destination": destination, **sample.labels})
                for sample in told.samples
            ]
    return families.values()
