"""Partitions that have records and give none are named."""

from __future__ import annotations

import pytest

from tests.runner.stage import Stage, some_turns, until
from worker.core.silence import SILENT_AFTER
from worker.ports import Lag
from worker.runner import silence


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look all the time; what passes between two looks is for the clock to say."""
    monkeypatch.setattr(silence, "LOOK", 0.002)


def named(stage: Stage) -> list[str]:
    """What was told of partitions that give nothing."""
    return [line for line in stage.heard.troubles if "gives nothing" in line]


async def test_named() -> None:
    """A partition that has records and gives none is told, shown and counted until it gives some."""
    async with Stage() as stage:
        stage.source.assign(stage.first, stage.second)
        stage.write(0)
        await stage.committed(1)
        stage.source.ends[stage.first] = 4
        await until("a look", lambda: bool(stage.runner._silence._silences._watched))
        stage.time.advance(SILENT_AFTER)
        await until("the line", lambda: bool(named(stage)))
        (line,) = named(stage)
        assert line.startswith(f"{stage.first} gives nothing since ")
        assert "a transaction that was neither committed nor aborted keeps back up to 3 records" in line
        assert [one.at for one in stage.runner.snapshot().silent] == [stage.first]
        del stage.source.ends[stage.first]
        stage.write(1)
        await until("that it flows", lambda: not stage.runner.snapshot().silent)
        assert len(named(stage)) == 1


async def test_nobody_asks() -> None:
    """While nothing is asked for, as the partner answers nothing, nobody is silent."""
    async with Stage(concurrency=1) as stage:
        stage.sender.gate.clear()
        stage.source.assign(stage.first, stage.second)
        stage.write(*range(200))
        await stage.sent(1)
        stage.source.ends[stage.second] = 5
        await some_turns()
        stage.runner._silence.look()
        for _ in range(5):
            stage.time.advance(SILENT_AFTER)
            stage.runner._silence.look()
        assert named(stage) == []
        assert stage.source.watermarks()[stage.second] == Lag(0, 5, 0)
        stage.sender.gate.set()
