"""Offsets without a record are passed, and partitions that return nothing are named."""

from __future__ import annotations

import pytest

from tests.runner.harness import Harness, some_turns, until
from worker.core.silence import SILENT_AFTER_SECONDS
from worker.ports import Watermarks
from worker.runner import silence
from worker.runner.drain import Phase


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look all the time; what passes between two looks is for the clock to say."""
    monkeypatch.setattr(silence, "LOOK_EVERY_SECONDS", 0.002)


def named(harness: Harness) -> list[str]:
    """What was reported of partitions that return nothing."""
    return [line for line in harness.heard.troubles if "gives nothing" in line]


async def test_markers_are_no_lag() -> None:
    """Where only a transaction's marker lies behind the last record, that is committed: no lag is left."""
    async with Harness() as harness:
        harness.source.assign(harness.first)
        harness.write(0, 1, 2)
        await harness.committed(3)
        harness.source.ends[harness.first] = 4
        assert [state.lag for state in harness.runner.snapshot().partitions] == [1]
        harness.source.gap(harness.first, 3, 4)
        await harness.committed(4)
        assert [state.lag for state in harness.runner.snapshot().partitions] == [0]


async def test_not_past_what_is_unfinished() -> None:
    """An unfinished record is never committed past, whatever was read behind it."""
    async with Harness() as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first)
        harness.write(0, 1, 2)
        await harness.sent(3)
        harness.source.gap(harness.first, 3, 9)
        harness.sender.gate.set()
        await harness.committed(9)
        assert {commit[harness.first].offset for commit in harness.source.commits} <= {0, 1, 2, 9}


async def test_not_past_what_was_not_taken_up() -> None:
    """What comes amid a drain is left to the next member: a gap behind it is none of ours to commit."""
    async with Harness() as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first)
        harness.write(0)
        await harness.sent(1)
        harness.stop.set()
        await until("draining", lambda: harness.runner.phase is not Phase.WORKING)
        harness.write(1, 2)
        await some_turns()
        harness.source.gap(harness.first, 3, 4)
        harness.sender.gate.set()
        await harness.running
        assert harness.position() == 1


async def test_named() -> None:
    """A partition that has records and returns none is logged, shown and counted until it returns some."""
    async with Harness() as harness:
        harness.source.assign(harness.first, harness.second)
        harness.write(0)
        await harness.committed(1)
        harness.source.ends[harness.first] = 4
        await until("a look", lambda: bool(harness.runner._silence._silences._watched))
        harness.time.advance(SILENT_AFTER_SECONDS)
        await until("the line", lambda: bool(named(harness)))
        (line,) = named(harness)
        assert line.startswith(f"{harness.first} gives nothing since ")
        assert "a transaction that was neither committed nor aborted keeps back up to 3 records" in line
        assert [one.at for one in harness.runner.snapshot().silent] == [harness.first]
        del harness.source.ends[harness.first]
        harness.write(1)
        await until("that it flows", lambda: not harness.runner.snapshot().silent)
        assert len(named(harness)) == 1


async def test_nobody_asks() -> None:
    """While nothing is asked for, as the partner answers nothing, nobody is silent."""
    async with Harness(concurrency=1) as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first, harness.second)
        harness.write(*range(200))
        await harness.sent(1)
        harness.source.ends[harness.second] = 5
        await some_turns()
        harness.runner._silence.look()
        for _ in range(5):
            harness.time.advance(SILENT_AFTER_SECONDS)
            harness.runner._silence.look()
        assert named(harness) == []
        assert harness.source.watermarks()[harness.second] == Watermarks(0, 5, 0)
        harness.sender.gate.set()
