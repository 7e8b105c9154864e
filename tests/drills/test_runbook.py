from __future__ import annotations

import re

import pytest

from tests.deploy.files import DEPLOY, alerts
from tests.docs.pages import section
from tests.drills.incident import Incident, Observed
from tests.drills.incidents import INCIDENTS
from tests.drills.report import Row, table

RUNBOOK = DEPLOY / "RUNBOOK.md"
DRILLS = "What the drills show"
PLAYED = {
    "Partner down", "200 with an error", "Wrong URL", "Poison payout", "Kafka down", "Tier deleted",
    "Slow partner", "Crash loop", "Expired certificate", "DLQ flood and replay", "Journal refused",
    "Paused and forgotten",
}  # fmt: skip

each = pytest.mark.parametrize("incident", INCIDENTS, ids=lambda one: one.slug)


def test_the_twelve_are_played() -> None:
    """None of the twelve is missing, and no two share a name."""
    names = [incident.name for incident in INCIDENTS]
    assert set(names) >= PLAYED
    assert len(set(names)) == len(names)


@each
def test_what_fires_is_there(incident: Incident) -> None:
    """What an incident fires, and what follows from it, are alerts of the file."""
    assert {incident.fires, *incident.follows} <= {rule["alert"] for rule in alerts()}


@each
def test_commands_are_those_of_the_runbook(incident: Incident) -> None:
    """Each command that a drill gives stands, as it is given, in the section of the alert that fires."""
    spans = {" ".join(span.split()) for span in re.findall(r"`([^`]+)`", section(RUNBOOK, incident.fires))}
    assert [command for command in (*incident.explains, *incident.ends) if command not in spans] == []


def test_the_table() -> None:
    """The runbook's table has a row for each incident, with its alert, its commands and what ends it."""
    seen = Observed({}, resolved=True)
    made = table([Row(incident, seen, [], 0.0) for incident in INCIDENTS]).splitlines()[2:]
    told = [line for line in section(RUNBOOK, DRILLS).splitlines() if line.startswith("| ")][2:]
    assert sorted(map(_without_seconds, told)) == sorted(map(_without_seconds, made))
    assert all(re.fullmatch(r"[0-9]+", _cells(line)[2]) for line in told)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]


def _without_seconds(line: str) -> list[str]:
    name, alert, _seconds, explains, ends, shows, _after, ends_there, *_ = _cells(line)
    return [name, alert, explains, ends, shows, ends_there]
