"""Offsets that hold no record are behind us, and partitions that give nothing are named."""

from __future__ import annotations

import pytest

from tests.runner.stage import Stage, some_turns, until
from worker.core.silence import SILENT_AFTER
from worker.ports import Watermarks
from worker.runner import silence
from worker.runner.drain import Phase


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look all the time; what passes between two looks is for the clock to say."""
    monkeypatch.setattr(silence, "LOOK", 0.002)


def named(stage: Stage) -> list[str]:
    """What was told of partitions that give nothing."""
    return [line for line in stage.heard.troubles if "gives nothing" in line]


async def test_markers_are_no_lag() -> None:
    """Where only a transaction's marker lies behind the last record, that is committed: no lag is left."""
    async with Stage() as stage:
        stage.source.assign(stage.first)
        stage.write(0, 1, 2)
        await stage.committed(3)
        stage.source.ends[stage.first] = 4
        assert [state.lag for state in stage.runner.snapshot().partitions] == [1]
        stage.source.gap(stage.first, 3, 4)
        await stage.committed(4)
        assert [state.lag for state in stage.runner.snapshot().partitions] == [0]


async def test_not_past_what_is_unfinished() -> None:
    """An unfinished record is never committed past, whatever was read behind it."""
    async with Stage() as stage:
        stage.sender.gate.clear()
        stage.source.assign(stage.first)
        stage.write(0, 1, 2)
        await stage.sent(3)
        stage.source.gap(stage.first, 3, 9)
        stage.sender.gate.set()
        await stage.committed(9)
        assert {commit[stage.first].offset for commit in stage.source.commits} <= {0, 1, 2, 9}


async def test_not_past_what_was_not_taken_up() -> None:
    """What comes amid a drain is left to the next member: a gap behind it is none of ours to commit."""
    async with Stage() as stage:
        stage.sender.gate.clear()
        stage.source.assign(stage.first)
        stage.write(0)
        await stage.sent(1)
        stage.stop.set()
        await until("draining", lambda: stage.runner.phase is not Phase.WORKING)
        stage.write(1, 2)
        await some_turns()
        stage.source.gap(stage.first, 3, 4)
        stage.sender.gate.set()
        await stage.running
        assert stage.position() == 1


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
        assert stage.source.watermarks()[stage.second] == Watermarks(0, 5, 0)
        stage.sender.gate.set()
