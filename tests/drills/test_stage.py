from __future__ import annotations

from pathlib import Path

from tests.drills.incidents import INCIDENTS
from tests.drills.prometheus import Prometheus
from tests.drills.stage import Stage

FACTOR = 60


def test_what_goes_on_ends_in_order(tmp_path: Path) -> None:
    """What an incident keeps doing is told to end before it is waited for, and both are done once."""
    stage = Stage(INCIDENTS[0], "127.0.0.1:1", Prometheus(tmp_path, FACTOR), tmp_path / "stage")
    done: list[str] = []
    stage.at_its_end(lambda: done.append("told"), lambda: done.append("waited for"))
    stage.finish()
    stage.finish()
    assert done == ["told", "waited for"]
