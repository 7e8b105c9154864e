"""When a member and its coordinator are at odds for good."""

from __future__ import annotations

from itertools import pairwise

import pytest

from worker.core.agreement import LONGEST_SECONDS, STANDS_SECONDS, Agreement, CoordinatorView
from worker.core.record import Partition

P, Q = Partition("t", 0), Partition("t", 1)
NONE: frozenset[Partition] = frozenset()


@pytest.mark.parametrize(
    ("view", "held"),
    [
        pytest.param(CoordinatorView({P, Q}, {P, Q}), {P}, id="it was not told of one that it got"),
        pytest.param(CoordinatorView({P, Q}, {P}), {P, Q}, id="nor of one to give up"),
    ],
)
def test_a_difference_that_stands(view: CoordinatorView, held: set[Partition]) -> None:
    """What the member has too few or too many is named once it has stood for long, unchanged."""
    agreement = Agreement()
    assert agreement.look(view, held, 100.0) == NONE
    assert agreement.look(view, held, 100.0 + STANDS_SECONDS - 1) == NONE
    assert agreement.look(view, held, 100.0 + STANDS_SECONDS) == {Q}


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(CoordinatorView({P}, {P, Q}), id="another one has not given it up yet"),
        pytest.param(CoordinatorView({P}, {P}), id="the same"),
    ],
)
def test_no_difference(view: CoordinatorView) -> None:
    """What the member is to have, and does not have yet, is no difference, however long."""
    agreement = Agreement()
    assert not any(agreement.look(view, {P}, at * STANDS_SECONDS) for at in range(10))


@pytest.mark.parametrize("between", [None, CoordinatorView({P}, {P}), CoordinatorView(NONE, NONE)])
def test_it_does_not_stand(between: CoordinatorView | None) -> None:
    """A difference that is unknown in between, gone, or another, begins anew."""
    agreement = Agreement()
    given = CoordinatorView({P, Q}, {P, Q})
    agreement.look(given, {P}, 0.0)
    agreement.look(between, {P}, STANDS_SECONDS - 1)
    assert agreement.look(given, {P}, STANDS_SECONDS) == NONE
    assert agreement.look(given, {P}, 2 * STANDS_SECONDS - 1) == NONE
    assert agreement.look(given, {P}, 2 * STANDS_SECONDS) == {Q}


def test_joining_anew_does_not_help() -> None:
    """The same difference is named seldom, then more seldom; once they have agreed for long, soon again."""
    agreement = Agreement()
    given = CoordinatorView({P, Q}, {P, Q})
    named = [at for at in range(6000) if agreement.look(given, {P}, float(at))]
    first = [int(STANDS_SECONDS * (2**turn - 1)) for turn in range(1, 6)]
    assert named[:5] == first
    assert {later - before for before, later in pairwise(named[5:])} == {LONGEST_SECONDS}
    agreement.look(given, {P, Q}, 6000.0)
    agreement.look(given, {P, Q}, 6000.0 + LONGEST_SECONDS)
    agreement.look(given, {P}, 7000.0)
    assert agreement.look(given, {P}, 7000.0 + STANDS_SECONDS) == {Q}
