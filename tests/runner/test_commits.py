"""When commits are made, and what happens while they do not get through."""

from __future__ import annotations

import pytest

from tests.runner.stage import Stage, some_turns, until
from worker.core.holding import Position
from worker.runner import commits
from worker.settings.kafka_properties import SESSION_TIMEOUT_MS

STUCK = "commits do not get through: no more is sent until they do"


@pytest.mark.parametrize("how", ["refused", "not answered"])
async def test_stuck(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
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


async def test_committed_before_the_group_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the end all that is finished is committed by the members that we are, before one of them leaves."""
    monkeypatch.setattr(commits, "TICK", 60.0)
    async with Stage() as stage:
        stage.source.assign(stage.first)
        stage.write(0, 1, 2)
        await stage.ended(3)
        await stage.end()
        assert [{at: to.offset for at, to in one.items()} for one in stage.source.commits] == [
            {stage.first: 3}
        ]


async def test_a_last_commit_that_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A last commit that is refused for long is said, and the group is left all the same."""
    monkeypatch.setattr(commits, "LAST", 0.3)
    async with Stage() as stage:
        stage.source.assign(stage.first)
        stage.source.refusing = "between two generations"
        stage.write(0)
        await stage.ended(1)
        await stage.end()
        assert "the last commit was not taken within 0.3 s" in stage.heard.troubles
        assert stage.heard.rebalances[-1] == ("revoke", [stage.first])


def test_a_last_commit_outlasts_a_session() -> None:
    """The last commit is waited for until a group has given up a dead member, and its members know."""
    session, heartbeat = float(SESSION_TIMEOUT_MS) / 1000, 3.0
    assert session + heartbeat <= commits.LAST
