"""Counting on the hot path: plain numbers that become Prometheus metrics when they are scraped.

The rule: one thread counts and the same thread reads (the event loop), so nothing here needs a lock.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString


class Distribution(Collector):
    """A histogram without labels; `bounds` are its rising upper bounds."""

    def __init__(self, name: str, text: str, bounds: Sequence[float]) -> None:
        self._name, self._text, self._bounds = name, text, bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0
        self._examples: dict[int, Exemplar] = {}

    def observe(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def exemplify(self, value: float, labels: dict[str, str], now: float) -> None:
        """Set the exemplar of this value's bucket; the last one that was set is shown."""
        self._examples[bisect_left(self._bounds, value)] = Exemplar(labels, value, now)

    def collect(self) -> Iterable[Metric]:
        """Describe it, with cumulative buckets, as Prometheus wants them."""
        total = 0
        buckets: list[tuple[str, float] | tuple[str, float, Exemplar]] = []
        for number, (bound, count) in enumerate(
            zip((*self._bounds, float("inf")), self._counts, strict=True)
        ):
            total += count
            example = self._examples.get(number)
            bucket = _bound(bound), total
            buckets.append(bucket if example is None else (*bucket, example))
        yield HistogramMetricFamily(self._name, self._text, buckets=buckets, sum_value=self._sum)


def _bound(bound: float) -> str:
    text: str = floatToGoString(bound)  # type: ignore[no-untyped-call]
    return text


class Counters(Collector):
    """A counter with labels: `counts` maps the values of its labels to a number."""

    def __init__(self, name: str, text: str, *labels: str) -> None:
        self._name, self._text, self._labels = name, text, labels
        self.counts: dict[tuple[str, ...], int] = {}

    def add(self, values: tuple[str, ...], count: int = 1) -> None:
        """Count, for these values of the labels."""
        self.counts[values] = self.counts.get(values, 0) + count

    def collect(self) -> Iterable[Metric]:
        """Describe it."""
        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        for values, count in self.counts.items():
            family.add_metric(values, count)
        yield family
