"""A destination that is taken out of the settings while conversions wait in its tiers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.networks import world
from tests.e2e.program import Program, call
from tests.support.kafka import end_offsets, wait_until
from tests.support.settings import NOTHING
from worker.former_destinations import unsent_lines
from worker.settings import load_all

pytestmark = [pytest.mark.kafka, pytest.mark.process]

BINOM = "POSTBACK_DESTINATIONS__BINOM__"


def test_what_waits_is_told_of(kafka: str, tmp_path: Path) -> None:
    """A worker tells of what waits for a destination of before, unless others still serve it."""
    with world(kafka, tmp_path, binom=lambda _query, _nth: 500) as world_:
        env, group = world_.env | {"POSTBACK_RETRY__DELAYS": "1h"}, f"{world_.names.group}.binom"
        less = {name: value for name, value in env.items() if not name.startswith(BINOM)}
        deployment = load_all(environ=less, dotenv=NOTHING)
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        with Program(env, tmp_path) as worker:
            worker.ready()
            assert unsent_lines(deployment) == []
            world_.publish("binom", "b-1", "b-2")
            wait_until("they wait", lambda: sum(end_offsets(kafka, f"{group}.retry.1h").values()) == 2)
            assert unsent_lines(deployment) == []
            assert worker.end() == 0
        (line,) = unsent_lines(deployment)
        assert f"binom is no destination any more: 2 events wait in the tiers of its group {group}" in line
        assert unsent_lines(load_all(environ=env, dotenv=NOTHING).only(["meta"])) == []
        with Program(less, tmp_path) as worker:
            wait_until("it is told", lambda: any(line in said for said in worker.lines))
            assert worker.end() == 0
