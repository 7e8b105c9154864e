"""Lists of statuses: codes, classes, and which counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.statuses import Listed, resolve

CODES = st.integers(200, 599)
CLASSES = st.sampled_from(["2xx", "3xx", "4xx", "5xx"])


@pytest.mark.parametrize(
    ("success", "terminal", "recorded", "never"),
    [
        ({200}, set(), {200}, set()),
        ({"2xx"}, set(), {*range(200, 300)}, set()),
        ({"2xx"}, {204}, {*range(200, 300)} - {204}, {204}),
        ({200, 409}, {"4xx"}, {200, 409}, {*range(400, 500)} - {408, 409, 425, 429}),
        ({200}, {"4xx", 429}, {200}, {*range(400, 500)} - {408, 425}),
        ({200}, {408, 425, 429}, {200}, {408, 425, 429}),
        ({200, 429}, {"4xx"}, {200, 429}, {*range(400, 500)} - {408, 425, 429}),
        ({200}, {"5xx"}, {200}, {*range(500, 600)}),
    ],
)
def test_resolve(success: Listed, terminal: Listed, recorded: frozenset[int], never: frozenset[int]) -> None:
    """The exact code wins over a class, in the other list too; a terminal class leaves what says "later"."""
    assert resolve(frozenset(success), frozenset(terminal)) == (recorded, never)


@given(st.frozensets(CODES | CLASSES), st.frozensets(CODES | CLASSES))
def test_no_code_is_both(success: Listed, terminal: Listed) -> None:
    """Where no entry is in both lists, no code means both."""
    recorded, never = resolve(success, terminal - success)
    assert not recorded & never
