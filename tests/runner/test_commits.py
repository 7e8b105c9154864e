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


async def test_a_skipped_commit_is_no_commit() -> None:
    """What was lost while its commit waited is not committed: it is neither told nor remembered as that."""
    async with Stage() as stage:
        stage.kafka.committed[stage.first] = Position(0, "")
        stage.source.gate.clear()
        stage.source.assign(stage.first)
        stage.write(0, 1)
        await stage.ended(2)
        await until("a commit that waits", lambda: stage.source.committing)
        stage.source.lose(stage.first)
        stage.source.gate.set()
        await until("no commit that waits", lambda: not stage.source.committing)
        assert stage.heard.commits == []
        stage.source.assign(stage.first)
        stage.write(2)
        await stage.committed(3)
        assert stage.clicks == ["c-0", "c-1", "c-2"], "what was finished is remembered as above the offset"
        assert stage.heard.skips == [0, 1]


async def test_the_rest_of_a_refused_commit_counts() -> None:
    """Where one partition's commit is refused, what is committed of the others is known."""
    async with Stage() as stage:
        stage.source.refused.add(stage.first)
        stage.source.assign(stage.first, stage.second)
        stage.write(0)
        stage.write(1, at=stage.second)
        await stage.committed(1, at=stage.second)
        await until("a failure", lambda: f"{stage.first}: refused" in stage.heard.commits)
        holdings = stage.runner._intake.holdings
        await until("one left", lambda: [h.dirty for h in holdings.values()] == [True, False])
        assert [holding.committed for holding in holdings.values()] == [None, 1]
        stage.source.refused.clear()
        await stage.committed(1)


async def test_the_last_commit_of_what_is_revoked_is_remembered() -> None:
    """The last commit of what is revoked, where it counted, is known to be one."""
    async with Stage() as stage:
        stage.source.assign(stage.first)
        stage.sender.gate.clear()
        stage.write(0, 1)
        await stage.sent(2)
        stage.sender.gate.set()
        await stage.source.revoke(stage.first)
        former = stage.runner._intake._former[stage.first]
        assert (stage.position(), former.committed) == (2, 2)


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
