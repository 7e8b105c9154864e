"""Storms: workers of one group that live through whatever may happen, in any order."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.chaos import mutants
from tests.sim.storm import Storm
from tests.sim.storms import weather
from tests.sim.virtual import run


@pytest.mark.parametrize("seed", range(40))
def test_no_order_of_events_breaks_a_promise(seed: int) -> None:
    """Each record has one ending, none is lost, and none is sent twice but what was under way."""
    storm = Storm(seed)
    assert run(weather(storm)) == [], "\n".join(storm.log)


@pytest.mark.process
@pytest.mark.parametrize(
    "mutant",
    [
        mutants.commit_the_highest_seen,
        mutants.commit_before_the_journal,
        mutants.journal_before_the_acknowledgement,
        mutants.keep_the_offsets_after_revoke,
        mutants.hand_over_without_draining,
    ],
)
def test_a_broken_promise_is_seen(mutant: Callable[[], None]) -> None:
    """A program that breaks a promise on purpose does not live through the first storms."""
    command = [sys.executable, "-m", "tests.sim.storms", "0", "39", "--mutant", mutant.__name__]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.stdout.endswith("storms broke a rule\n"), done.stderr
    assert done.returncode == 1
