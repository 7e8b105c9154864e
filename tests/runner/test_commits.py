"""When commits are made, and what happens while they do not get through."""

from __future__ import annotations

import pytest

from tests.runner.stage import Stage, some_turns, until
from worker.core.holding import Position
from worker.runner import commits

STUCK = "commits do not get through: no more is sent until they do"


@pytest.mark.parametrize("how", ["refused", "not answered"])
async def test_stuck_by_time(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where commits do not count for a while no request is started; when one counts, the stream goes on."""
    monkeypatch.setattr(commits, "STUCK_AFTER", 0.3)
    async with Stage() as stage:
        stage.kafka.committed[stage.first] = Position(0, "")
        stage.source.assign(stage.first)
        if how == "refused":
            stage.source.refusing = "between two generations"
        else:
            stage.source.gate.clear()
        stage.write(0)
        await until("stuck", lambda: STUCK in stage.heard.troubles)
        stage.write(1)
        await some_turns()
        assert stage.clicks == ["c-0"]
        stage.source.refusing = None
        stage.source.gate.set()
        await stage.committed(2)
        assert stage.clicks == ["c-0", "c-1"]


async def test_stuck_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """However short the time, no more than so many records are finished without a commit that counts."""
    monkeypatch.setattr(commits, "_STUCK_WITH", 40)
    async with Stage(concurrency=4) as stage:
        stage.kafka.committed[stage.first] = Position(0, "")
        stage.source.gate.clear()
        stage.source.assign(stage.first)
        stage.write(*range(200))
        await until("stuck", lambda: STUCK in stage.heard.troubles)
        await until("quiet", lambda: stage.sender.in_flight == 0)
        await some_turns()
        assert 40 <= len(stage.clicks) <= 44
        stage.source.gate.set()
        await stage.committed(200)


async def test_stuck_commits_of_a_partition_that_is_gone() -> None:
    """When the partitions whose commits were stuck are lost, what is left flows."""
    async with Stage() as stage:
        stage.source.assign(stage.first)
        stage.source.refusing = "not ours any more"
        stage.write(0)
        await until("stuck", lambda: STUCK in stage.heard.troubles)
        stage.source.lose(stage.first)
        stage.source.refusing = None
        second = stage.first._replace(number=1)
        stage.source.assign(second)
        stage.write(1, at=second)
        await stage.committed(1, at=second)


async def test_nothing_new_no_commit() -> None:
    """A commit that counted is not made again."""
    async with Stage() as stage:
        stage.source.assign(stage.first)
        stage.write(0)
        await stage.committed(1)
        made = len(stage.source.commits)
        await stage.runner._committer.commit()
        assert len(stage.source.commits) == made
