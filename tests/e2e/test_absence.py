"""Health while the broker is away, killed or frozen: alive throughout, ready only while it is there."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Tracker
from tests.support.broker import Broker
from tests.support.kafka import Names, create_topics, produce

pytestmark = [pytest.mark.kafka, pytest.mark.process]

NOTICED_WITHIN_SECONDS = 10.0
EVERY_SECONDS = 1.0


@pytest.mark.parametrize("seconds", [16.0, pytest.param(60.0, marks=pytest.mark.long)])
@pytest.mark.parametrize("how", ["kill", pytest.param("pause", marks=pytest.mark.long)])
def test_health_without_the_broker(names: Names, tmp_path: Path, how: str, seconds: float) -> None:
    """From ten seconds after the broker went away until it is back no poll finds the worker ready."""
    with Broker(tmp_path / "broker") as broker, Tracker() as tracker:
        env = settings(broker.bootstrap, names, tracker)
        create_topics(broker.bootstrap, {names.topic: 1})
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        with Program(env, tmp_path) as program:
            program.ready()
            (broker.kill if how == "kill" else broker.pause)()
            polls = poll(program, seconds)
            (broker.start if how == "kill" else broker.resume)()
            program.ready()
            produce(broker.bootstrap, names.topic, [value("e-1", "click-1")])
            tracker.asked(1)
            assert program.end() == 0
    print(how, "after", [f"{at:.0f} s: {ready}" for at, ready, _ in polls])
    assert {alive for _, _, alive in polls} == {200}
    assert {ready for at, ready, _ in polls if at > NOTICED_WITHIN_SECONDS} == {503}


def poll(program: Program, seconds: float) -> list[tuple[float, int, int]]:
    """Ask for its health for so long; return when it was asked, whether it was ready, whether alive."""
    polls, begun = [], time.monotonic()
    while (at := time.monotonic() - begun) < seconds:
        polls.append((at, program.get("/readyz")[0], program.get("/livez")[0]))
        time.sleep(EVERY_SECONDS)
    return polls
