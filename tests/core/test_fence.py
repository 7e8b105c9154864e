"""The fence: what speaks against sending and publishing, and when that is over."""

from __future__ import annotations

import pytest

from worker.core.fence import Bar, Fence, FenceState, Tenure

OPEN, STUCK, IN_DOUBT = FenceState
OURS, DRAINING, DELETED, LEFT = Tenure


def fence_in(state: FenceState) -> Fence:
    """A fence in this state."""
    fence = Fence()
    if state is STUCK:
        fence.late()
    elif state is IN_DOUBT:
        fence.stood_still()
    assert fence.state is state
    return fence


@pytest.mark.parametrize(
    ("state", "late", "still", "counted", "may"),
    [
        (OPEN, STUCK, IN_DOUBT, OPEN, (True, True)),
        (STUCK, STUCK, IN_DOUBT, OPEN, (False, True)),
        (IN_DOUBT, IN_DOUBT, IN_DOUBT, OPEN, (False, False)),
    ],
)
def test_the_table(
    state: FenceState, late: FenceState, still: FenceState, counted: FenceState, may: tuple[bool, bool]
) -> None:
    """Each state follows from each happening as the table says, and tells whether it is another one."""
    fence = fence_in(state)
    assert (fence.may_send, fence.may_publish) == may
    assert fence.late() is (late is not state)
    assert fence.state is late
    fence = fence_in(state)
    assert fence.stood_still() is (still is not state)
    assert fence.state is still
    fence = fence_in(state)
    assert fence.counted(fence.begins()) is (counted is not state)
    assert fence.state is counted


def test_a_commit_that_began_before_the_doubt() -> None:
    """A commit that was under way when the process stood still tells nothing of what is ours."""
    fence = Fence()
    began = fence.begins()
    fence.stood_still()
    assert not fence.counted(began)
    assert fence.state is IN_DOUBT
    assert fence.needs_commit
    assert fence.counted(fence.begins())
    assert not fence.needs_commit


@pytest.mark.parametrize("bar", Bar)
def test_bars(bar: Bar) -> None:
    """While a bar stands nothing is sent, whatever commits say; publishing goes on. It is news once."""
    fence = Fence()
    assert fence.bar(bar, stands=True)
    assert not fence.bar(bar, stands=True)
    assert (fence.may_send, fence.may_publish) == (False, True)
    fence.late()
    fence.counted(fence.begins())
    assert not fence.may_send
    assert fence.bar(bar, stands=False)
    assert not fence.bar(bar, stands=False)
    assert fence.may_send


def test_a_bar_that_ends_in_doubt() -> None:
    """That a bar ends opens nothing while it is in doubt what is ours."""
    fence = fence_in(IN_DOUBT)
    fence.bar(Bar.PAUSED, stands=True)
    fence.bar(Bar.PAUSED, stands=False)
    assert not fence.may_send


@pytest.mark.parametrize(
    ("tenure", "drained", "deleted", "left", "may"),
    [
        (OURS, DRAINING, DELETED, LEFT, (True, True, True)),
        (DRAINING, DRAINING, DELETED, LEFT, (False, True, True)),
        (DELETED, DELETED, DELETED, DELETED, (False, True, False)),
        (LEFT, LEFT, LEFT, LEFT, (False, False, False)),
    ],
)
def test_the_table_of_partitions(
    tenure: Tenure, drained: Tenure, deleted: Tenure, left: Tenure, may: tuple[bool, bool, bool]
) -> None:
    """What may be done with a partition, and what follows from each happening, is as the table says."""
    assert (tenure.takes, tenure.ends, tenure.is_ours) == may
    assert (tenure.drained(), tenure.deleted(), tenure.left()) == (drained, deleted, left)


def test_nothing_in_doubt_needs_no_commit() -> None:
    """A commit of what is not new is made for a doubt alone."""
    assert not fence_in(OPEN).needs_commit
    assert not fence_in(STUCK).needs_commit
    assert fence_in(IN_DOUBT).needs_commit
