"""A healthy partition beside a bad one, through the real program: it goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.neighbours import KINDS, live_beside

pytestmark = [pytest.mark.kafka, pytest.mark.process]


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_neighbour(kafka: str, tmp_path: Path, kind: str) -> None:
    """All healthy records are recorded while the other partition's backlog fails, or hangs for ever."""
    seen = live_beside(kafka, tmp_path, kind, 16, backlog=2_000, seconds=3.0, rate=20.0, timeout="10m")
    assert seen.bad_requests > 0
    assert seen.beside.records > 0
    assert seen.circuit.endswith(" 0.0")
