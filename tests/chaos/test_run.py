"""A short run of chaos holds, seed and all, through the very command that `make chaos` gives."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.chaos.process import ROOT


@pytest.mark.kafka
@pytest.mark.process
@pytest.mark.long
def test_a_short_seed() -> None:
    """Kills, stops and a broker restart lose nothing, repeat nothing unexplained, and leave quiet behind."""
    command = [sys.executable, "-m", "tests.chaos", "--seed", "1", "--short"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=230)
    assert done.returncode == 0, done.stdout + done.stderr
