"""Two destinations whose names were exchanged in the settings, with conversions waiting for both."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.networks import world
from tests.e2e.program import Program, call
from tests.support.kafka import end_offsets, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.process]

OWN = "POSTBACK_DESTINATIONS__{}__"


def exchanged(env: dict[str, str], one: str, other: str) -> dict[str, str]:
    """The variables with two names in each other's place."""
    mine, its = OWN.format(one.upper()), OWN.format(other.upper())
    swapped = {mine: its, its: mine}
    return {
        next((swapped[own] + name[len(own) :] for own in swapped if name.startswith(own)), name): value
        for name, value in env.items()
    }


def test_exchanged_names(kafka: str, tmp_path: Path) -> None:
    """With exchanged names nothing starts, so that what waits goes to no other network; groups settle it."""
    with world(kafka, tmp_path, binom=lambda _query, nth: 500 if nth == 1 else 200) as world_:
        env = world_.env | {"POSTBACK_RETRY__DELAYS": "1h"}
        names = world_.names
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        with Program(env, tmp_path) as worker:
            worker.ready()
            world_.publish("binom", "b-1", "b-2")
            world_.publish("voluum", "v-1")
            world_.asked("voluum", {"v-1"})
            tier = f"{names.group}.binom.retry.1h"
            wait_until("they wait", lambda: sum(end_offsets(kafka, tier).values()) == 2)
            assert worker.end() == 0
        wrong = exchanged(env, "binom", "voluum")
        for words in (["run"], ["run", "--only", "binom,meta"], ["config", "check", "--online"]):
            told = call(*words, env=wrong, at=tmp_path)
            assert told.returncode == (2 if words[0] == "run" else 1)
            origin = world_.partners["binom"].simple_url.partition("/?")[0].rpartition("/postback")[0]
            assert f"binom has sent to {origin} so far, where voluum sends" in told.stderr
            assert f"what waits in the group {names.group}.binom would go to another network" in told.stderr
        right = wrong | {
            f"{OWN.format('VOLUUM')}GROUP_ID": f"{names.group}.binom",
            f"{OWN.format('BINOM')}GROUP_ID": f"{names.group}.voluum",
        }
        with Program(right, tmp_path, words=["run", "--adopt"]) as worker:
            worker.ready()
            asked = ["waiting", "now", "--destination", "voluum", "--click-id", "b-1", "--yes"]
            assert call(*asked, env=right, at=tmp_path).returncode == 0
            wait_until("it is sent", lambda: world_.partners["binom"].clicks["b-1"] == 2)
            assert worker.end() == 0
        assert world_.partners["voluum"].clicks == {"v-1": 1}
