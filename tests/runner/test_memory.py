"""What the group must not forget is written down, now and then and at the end."""

from __future__ import annotations

import pytest

from tests.runner.stage import Stage, until
from worker.core.memory import recall
from worker.core.record import Partition
from worker.runner import memory

CONTROL = "worker.control"


def remembered(stage: Stage) -> list[tuple[Partition, int]]:
    """What was written, in order."""
    found = [recall(record.key, record.value) for record in stage.kafka.records(CONTROL)]
    return [(at, of.offset) for at, of in (one for one in found if one is not None)]


async def test_at_the_end() -> None:
    """At the end of a drain each committed offset is remembered, once."""
    async with Stage(control=CONTROL) as stage:
        stage.kafka.create(CONTROL)
        stage.source.assign(stage.first, stage.second)
        stage.write(0, 1, 2)
        await stage.committed(3)
        await stage.end()
        assert sorted(remembered(stage)) == [(stage.first, 3), (stage.second, 0)]


async def test_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it works what changed is written now and then, and what did not is not."""
    monkeypatch.setattr(memory, "EVERY", 0.02)
    async with Stage(control=CONTROL) as stage:
        stage.kafka.create(CONTROL)
        stage.source.assign(stage.first, stage.second)
        stage.write(0)
        await until("one", lambda: (stage.first, 1) in remembered(stage))
        stage.write(1)
        await until("two", lambda: (stage.first, 2) in remembered(stage))
        assert remembered(stage).count((stage.second, 0)) <= 1


async def test_without_a_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the control topic is missing that is said once, and the work goes on."""
    monkeypatch.setattr(memory, "EVERY", 0.01)
    async with Stage(control=CONTROL) as stage:
        stage.source.assign(stage.first)
        for number in range(5):
            stage.write(number)
            await stage.committed(number + 1)
        await until("the trouble", lambda: bool(stage.heard.troubles))
        await stage.end()
        (line,) = stage.heard.troubles
        assert line.startswith(f"what the group must not forget can't be written to {CONTROL}: topic")


async def test_the_last_time_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that does not acknowledge the last of it does not hold up the end."""
    monkeypatch.setattr(memory, "LAST", 0.05)
    async with Stage(control=CONTROL) as stage:
        stage.kafka.create(CONTROL)
        stage.source.assign(stage.first)
        stage.write(0)
        await stage.committed(1)
        stage.publisher.gate.clear()
        await stage.end()
        assert "it was not acknowledged in time" in stage.heard.troubles[0]
