"""A partner that goes away for some seconds, in a stream, on a real broker: what it costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.outage import KINDS, RATE, outage
from worker.core.admission.circuit import CircuitPolicy

pytestmark = [pytest.mark.kafka, pytest.mark.process]
# Short pauses and timeouts: the minute-long outages of `python -m tests.e2e.outage` have the usual ones.
QUICK = {"POSTBACK_CIRCUIT__PROBE_PAUSE_MAX": "2s"}
HANGS = {**QUICK, "POSTBACK_DESTINATION__TIMEOUT": "2s"}
THRESHOLD = CircuitPolicy().min_failures


@pytest.mark.parametrize(
    "kind", ["503", *(pytest.param(kind, marks=pytest.mark.long) for kind in KINDS if kind != "503")]
)
def test_an_outage(kafka: str, tmp_path: Path, kind: str) -> None:
    """Few attempts are used up, all is delivered, nothing is unhealthy, and the start after it is gentle."""
    seen = outage(kafka, tmp_path, kind, 4.0, before=3.0, more=HANGS if kind == "hang" else QUICK)
    print(kind, seen)
    assert seen.used_up <= THRESHOLD + max(seen.in_flight, 16)
    assert seen.recorded - seen.twice == seen.produced
    assert seen.unhealthy == 0
    assert seen.first_second <= 2 * RATE
    assert seen.twice <= seen.lost
