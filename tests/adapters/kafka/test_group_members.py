"""Who is in groups: asked with one client, through any trouble of the broker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import worker


@pytest.mark.parametrize("times", [3, pytest.param(20, marks=pytest.mark.long)])
def test_a_broker_that_comes_back_ends_nobody_who_asks_of_groups(times: int) -> None:
    """Again and again it goes away with questions open: the process lives on, and is answered again."""
    command = [sys.executable, "-m", "tests.adapters.kafka.asking_of_groups", str(times)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr


def test_groups_are_asked_about_in_one_place() -> None:
    """Nobody else gives a question on groups a limit, which could abort the process."""
    root = Path(worker.__file__).parent
    calls = (".describe_consumer_groups(", ".list_consumer_groups(", ".list_consumer_group_offsets(")
    found = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if any(call in path.read_text() for call in calls)
    }
    assert found == {"adapters/kafka/group_questions.py"}
