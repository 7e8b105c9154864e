"""The checker has eyes: each promise, broken in the program on purpose, is seen from the logs alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.chaos import mutants
from tests.chaos.scenarios import (
    edited_under_its_map,
    joined_and_left,
    judge,
    killed_behind_a_hanging_head,
    left_while_another_joins,
    refused_by_the_broker,
    refused_by_the_journal,
    reset_after_the_request,
)
from tests.chaos.world import World

pytestmark = [pytest.mark.kafka, pytest.mark.process, pytest.mark.chaos]


class Play(NamedTuple):
    """A scenario, its world, and the kind of violation that must come out."""

    scenario: Callable[[World], object]
    partitions: int
    settings: Mapping[str, str]
    violation: str
    patience: float = 6.0
    """Seconds; short where a broken program never does what is waited for."""


HANGS = {"DESTINATION__TIMEOUT": "60s"}
SLOW = {
    "DESTINATION__TIMEOUT": "30s",
    "DRAIN_TIMEOUT": "25s",
    "KAFKA__PROPERTIES__HEARTBEAT_INTERVAL_MS": "500",
}
FEW = {"DESTINATION__CONCURRENCY": "8", "KAFKA__PROPERTIES__HEARTBEAT_INTERVAL_MS": "500"}
BUSY = 30.0
"""The patience where it does it in the end, on a busy machine too."""
SHORT_DRAIN = {"DRAIN_TIMEOUT": "1s"}
SENDS_COPIES = {"JOURNAL__DEDUP_WINDOW": "0s"}
"""What is sent twice is seen for itself: else the memory of copies makes up for most that these break."""

PLAYS = {
    mutants.commit_the_highest_seen: Play(killed_behind_a_hanging_head, 1, HANGS, "committed unfinished"),
    mutants.ignore_the_metadata: Play(killed_behind_a_hanging_head, 1, HANGS, "duplicate"),
    mutants.resolve_before_the_acknowledgement: Play(
        refused_by_the_broker, 1, SHORT_DRAIN, "committed unfinished"
    ),
    mutants.keep_the_offsets_after_revoke: Play(joined_and_left, 2, FEW, "backwards", BUSY),
    mutants.hand_over_without_draining: Play(joined_and_left, 2, FEW, "duplicate", BUSY),
    mutants.hand_over_undrained_at_shutdown: Play(
        lambda world: left_while_another_joins(world, delay=4.0), 6, SLOW, "duplicate", BUSY
    ),
    mutants.believe_a_map_under_another_position: Play(
        edited_under_its_map, 1, HANGS, "committed unfinished"
    ),
    mutants.commit_before_the_journal: Play(refused_by_the_journal, 1, SHORT_DRAIN, "not journaled"),
    mutants.journal_before_the_acknowledgement: Play(refused_by_the_broker, 1, SHORT_DRAIN, "journal untrue"),
    mutants.send_again_on_a_broken_connection: Play(reset_after_the_request, 1, {}, "resent"),
}


@pytest.mark.parametrize("mutant", mutants.MUTANTS)
def test_mutant_is_caught(mutant: str, kafka: str, tmp_path: Path) -> None:
    """A program with this promise broken is caught, with evidence of the kind that it is."""
    play = PLAYS[mutants.MUTANTS[mutant]]
    program = (sys.executable, "-m", "tests.chaos.mutants", mutant, "run")
    with World(
        kafka,
        tmp_path,
        partitions=play.partitions,
        settings={**play.settings, **SENDS_COPIES},
        program=program,
        patience=play.patience,
    ) as world:
        try:
            play.scenario(world)
        except AssertionError as stuck:
            print(f"the play did not end: {stuck}")
        verdict = judge(world)
    kinds = {violation.kind for violation in verdict.violations}
    assert play.violation in kinds, verdict
