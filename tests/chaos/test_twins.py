"""The checker on records that stand for the same work: one of them keeps it, the others may be finished."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.chaos.checker import check
from tests.chaos.evidence import Evidence, Hop, Story
from tests.chaos.history import PASSED, History
from tests.chaos.logs import Committed, Intervention, Step
from tests.chaos.stories import DRAIN, TIMEOUT, ask, source, tier
from worker.core.binding import Binding, LogId
from worker.core.offset_map import OffsetMap, encode

COPIES = [source(), source(0.1, offset=1)]
COPY_STEPS = [Step("e", "duplicate", 0, "t/0/1", 1.1), Step("e", "delivered", 1, "t/0/0", 4.1)]
TWICE = [source(), tier(1.1, due=2.1), tier(1.9, due=2.9, offset=1)]
TWICE_STEPS = [
    Step("e", "retry", 1, "t/0/0", 1.2),
    Step("e", "retry", 1, "t/0/0", 1.95),
    Step("e", "delivered", 2, "t/0/0", 4.1),
]
OF_SOURCE = Committed("t", 0, 1, "", 2.0)
ABOVE = encode(0, OffsetMap(2, (0,)), Binding(LogId()))
"""A map by which offset 1 is finished, and 0 is not."""


def judge(
    hops: Sequence[Hop],
    steps: Sequence[Step],
    commits: Sequence[Committed],
    interventions: Sequence[Intervention] = (),
) -> list[str]:
    """The kinds of what is wrong with an event that was asked for at 3 and got its 200 at 4."""
    story = Story("e", True, tuple(hops), (ask(3, answered=4.0),))
    evidence = Evidence({"e": story}, commits, (), (), History(interventions), steps)
    return [violation.kind for violation in check(evidence, TIMEOUT, DRAIN).violations]


def test_a_copy() -> None:
    """A copy may be finished while the first is being sent; both may not."""
    copy, both, late = (
        Committed("t", 0, 0, ABOVE, 1.5),
        Committed("t", 0, 2, "", 3.5),
        Committed("t", 0, 2, "", 4.2),
    )
    assert judge(COPIES, COPY_STEPS, [copy, late]) == []
    assert set(judge(COPIES, COPY_STEPS, [copy, both])) == {"committed unfinished", "not journaled"}


def test_a_copy_that_came_later() -> None:
    """A copy keeps no work that was committed before it was there."""
    later = [source(), source(2.0, offset=1)]
    commits = [Committed("t", 0, 1, "", 1.5), Committed("t", 0, 2, "", 4.2)]
    assert set(judge(later, COPY_STEPS, commits)) == {"committed unfinished", "not journaled"}


@pytest.mark.parametrize(("passed", "wrong"), [(3.0, []), (1.0, ["committed unfinished"])])
def test_a_first_that_retention_took(passed: float, wrong: list[str]) -> None:
    """A first that was there when its copy was finished kept the work, though retention took it later."""
    commits = [Committed("t", 0, 0, ABOVE, 1.5, 1.4), Committed("t", 0, 2, "", 3.5, 3.4)]
    taken = [Intervention(PASSED, "t", 0, 1, passed - 0.1, passed)]
    assert judge(COPIES, COPY_STEPS, commits, taken) == wrong


def test_a_retry_that_lies_twice() -> None:
    """Of a retry that lies in its tier twice one may be finished while the other is sent; both may not."""
    one, both, late = (
        Committed("t.1s", 0, 0, ABOVE, 3.5),
        Committed("t.1s", 0, 2, "", 3.6),
        Committed("t.1s", 0, 2, "", 4.2),
    )
    assert judge(TWICE, TWICE_STEPS, [OF_SOURCE, one, late]) == []
    assert set(judge(TWICE, TWICE_STEPS, [OF_SOURCE, one, both])) == {"committed unfinished", "not journaled"}


def test_a_retry_and_the_one_before_it() -> None:
    """A retry that is behind is no twin of the one that went on: it keeps nothing."""
    hops = [source(), tier(1.1, due=2.1), tier(1.9, attempts=2, due=2.9, offset=1)]
    commits = [OF_SOURCE, Committed("t.1s", 0, 2, "", 3.5)]
    assert "committed unfinished" in judge(hops, TWICE_STEPS, commits)
