"""When commits are made, and what happens while they do not get through."""

from __future__ import annotations

import pytest

from tests.runner.harness import Harness, some_turns, until
from worker.core.assigned_partition import Position
from worker.runner import commits
from worker.settings.kafka_properties import SESSION_TIMEOUT_MS

STUCK = "commits do not get through: no more is sent until they do"


@pytest.mark.parametrize("how", ["refused", "not answered"])
async def test_stuck(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where commits do not count for a while no request is started; when one counts, the stream goes on."""
    monkeypatch.setattr(commits, "STUCK_AFTER_SECONDS", 0.3)
    async with Harness() as harness:
        harness.kafka.committed[harness.first] = Position(0, "")
        harness.source.assign(harness.first)
        if how == "refused":
            harness.source.refusing = "between two generations"
        else:
            harness.source.gate.clear()
        harness.write(0)
        await until("stuck", lambda: STUCK in harness.heard.troubles)
        harness.write(1)
        await some_turns()
        assert harness.clicks == ["c-0"]
        harness.source.refusing = None
        harness.source.gate.set()
        await harness.committed(2)
        assert harness.clicks == ["c-0", "c-1"]


async def test_after_nothing_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing was finished for long, the first record that is finished is committed at once."""
    monkeypatch.setattr(commits, "IDLE_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(commits, "IDLE_TICK_SECONDS", 3600.0)
    async with Harness() as harness:
        harness.kafka.committed[harness.first] = Position(0, "")
        harness.source.assign(harness.first)
        for number in range(3):
            await until("idle", lambda: harness.runner._delivery.committer._soon == 1)
            harness.write(number)
            await harness.committed(number + 1)


async def test_stuck_commits_of_a_partition_that_is_gone() -> None:
    """When the partitions whose commits were stuck are lost, what is left flows."""
    async with Harness() as harness:
        harness.source.assign(harness.first)
        harness.source.refusing = "not ours any more"
        harness.write(0)
        await until("stuck", lambda: STUCK in harness.heard.troubles)
        harness.source.lose(harness.first)
        harness.source.refusing = None
        second = harness.first._replace(number=1)
        harness.source.assign(second)
        harness.write(1, at=second)
        await harness.committed(1, at=second)


async def test_a_skipped_commit_is_no_commit() -> None:
    """What was lost while its commit waited is not committed: it is neither told nor remembered as that."""
    async with Harness() as harness:
        harness.kafka.committed[harness.first] = Position(0, "")
        harness.source.gate.clear()
        harness.source.assign(harness.first)
        harness.write(0, 1)
        await harness.ended(2)
        await until("a commit that waits", lambda: harness.source.committing)
        harness.source.lose(harness.first)
        harness.source.gate.set()
        await until("no commit that waits", lambda: not harness.source.committing)
        assert harness.heard.commits == []
        harness.source.assign(harness.first)
        harness.write(2)
        await harness.committed(3)
        assert harness.clicks == ["c-0", "c-1", "c-2"], "what was finished is remembered as above the offset"
        assert harness.heard.skips == [0, 1]


async def test_the_rest_of_a_refused_commit_counts() -> None:
    """Where one partition's commit is refused, what is committed of the others is known."""
    async with Harness() as harness:
        harness.source.refused.add(harness.first)
        harness.source.assign(harness.first, harness.second)
        harness.write(0)
        harness.write(1, at=harness.second)
        await harness.committed(1, at=harness.second)
        await until("a failure", lambda: f"{harness.first}: refused" in harness.heard.commits)
        partitions = harness.runner._intake.partitions
        await until("one left", lambda: [h.dirty for h in partitions.values()] == [True, False])
        assert [partition.committed for partition in partitions.values()] == [None, 1]
        harness.source.refused.clear()
        await harness.committed(1)


async def test_the_last_commit_of_what_is_revoked_is_remembered() -> None:
    """The last commit of what is revoked, where it counted, is known to be one."""
    async with Harness() as harness:
        harness.source.assign(harness.first)
        harness.sender.gate.clear()
        harness.write(0, 1)
        await harness.sent(2)
        harness.sender.gate.set()
        await harness.source.revoke(harness.first)
        former = harness.runner._intake.former.former[harness.first]
        assert (harness.position(), former.committed) == (2, 2)


async def test_nothing_new_no_commit() -> None:
    """A commit that counted is not made again."""
    async with Harness() as harness:
        harness.source.assign(harness.first)
        harness.write(0)
        await harness.committed(1)
        made = len(harness.source.commits)
        await harness.runner._delivery.committer.commit()
        assert len(harness.source.commits) == made


async def test_committed_before_the_group_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the end all that is finished is committed by the members that we are, before one of them leaves."""
    monkeypatch.setattr(commits, "TICK_SECONDS", 60.0)
    async with Harness() as harness:
        harness.source.assign(harness.first)
        harness.write(0, 1, 2)
        await harness.ended(3)
        await harness.end()
        assert [{at: to.offset for at, to in one.items()} for one in harness.source.commits] == [
            {harness.first: 3}
        ]


async def test_a_last_commit_that_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A last commit that is refused for long is said, and the group is left all the same."""
    monkeypatch.setattr(commits, "LAST_COMMIT_SECONDS", 0.3)
    async with Harness() as harness:
        harness.source.assign(harness.first)
        harness.source.refusing = "between two generations"
        harness.write(0)
        await harness.ended(1)
        await harness.end()
        assert "the last commit was not taken within 0.3 s" in harness.heard.troubles
        assert harness.heard.rebalances[-1] == ("revoke", [harness.first])


def test_a_last_commit_outlasts_a_session() -> None:
    """The last commit is waited for until a group has given up a dead member, and its members know."""
    session, heartbeat = float(SESSION_TIMEOUT_MS) / 1000, 3.0
    assert session + heartbeat <= commits.LAST_COMMIT_SECONDS
