"""The fence: what speaks against sending and publishing, and when that is over."""

from __future__ import annotations

import pytest

from worker.core.fence import Fence, Fenced

OPEN, STUCK, IN_DOUBT = Fenced


def fence_in(state: Fenced) -> Fence:
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
    state: Fenced, late: Fenced, still: Fenced, counted: Fenced, may: tuple[bool, bool]
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


def test_unjournaled() -> None:
    """While steps can't be journaled nothing is sent, whatever commits say; publishing goes on."""
    fence = Fence()
    fence.unjournaled = True
    assert (fence.may_send, fence.may_publish) == (False, True)
    fence.late()
    fence.counted(fence.begins())
    assert not fence.may_send
    fence.unjournaled = False
    assert fence.may_send


def test_nothing_in_doubt_needs_no_commit() -> None:
    """A commit of what is not new is made for a doubt alone."""
    assert not fence_in(OPEN).needs_commit
    assert not fence_in(STUCK).needs_commit
    assert fence_in(IN_DOUBT).needs_commit
