"""How far a demonstration is, as it is shown."""

from __future__ import annotations

from tests.adapters.happenings import tell_everything
from worker.cli.demo import MEANS
from worker.cli.demo_view import lines, rates
from worker.core.admission.circuit import CircuitState
from worker.demo.progress import Endings, Progress

BUSY = Progress(
    published=20_000,
    delivered=12_345,
    retries=1_234,
    dead=567,
    in_flight=256,
    circuit=CircuitState.HALF_OPEN,
    answers={"200": 12_345, "400": 300, "429": 5, "500": 300, "reset": 300, "slow": 300},
    waiting={"1s": 100, "2s": 100, "3s": 100},
    http="http://127.0.0.1:8080",
)


def test_the_lines() -> None:
    """What worker, partner and tiers are at stands in a line each."""
    assert list(lines(BUSY)) == [
        "worker   12345 delivered  1234 retries  567 dead  256 in flight",
        "partner  200: 12345  400: 300  429: 5  500: 300  reset: 300  slow: 300",
        "circuit  half-open",
        "waiting  1s: 100  2s: 100  3s: 100",
    ]
    assert rates(BUSY, 2.0) == ("12912/20000 ended", "6456/s")


def test_they_fit() -> None:
    """Every line that is shown fits a terminal of 80 columns, however much there is."""
    assert max(map(len, (*lines(BUSY), *MEANS))) <= 80
    assert 30 + 2 + 2 + sum(map(len, rates(BUSY, 0.001))) <= 80


def test_what_waits() -> None:
    """A retry waits in its tier until its record has another ending."""
    endings = Endings({"worker.retry.10s": "10s", "conversions": "as if a tier"})
    tell_everything(endings)
    assert (endings.delivered_count, endings.retry_count, endings.dead_count) == (1, 1, 1)
    assert endings.waiting == {"10s": 1, "as if a tier": -3}
