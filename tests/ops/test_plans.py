"""Plans on the control topic: written, and read back whatever else lies there."""

from __future__ import annotations

import json
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.ops import plans
from worker.ops.plans import Plan, read_plans

PLAN = Plan(
    "replay", "a1", "what", 1_800_000_000.0, {0: 7, 3: 0}, 2, frozenset({(0, 5), (2, 900)}), "log", by="a@b"
)

PLACES = st.frozensets(st.tuples(st.integers(0, 5), st.integers(0, 2**62)), max_size=50)


@given(PLACES)
def test_there_and_back(places: frozenset[tuple[int, int]]) -> None:
    """A plan is read back as it was written, wherever its letters lie."""
    plan = PLAN._replace(places=places)
    assert read_plans([*plan.parts(), plan.head()], "replay") == [plan]


def test_many_places() -> None:
    """A plan of many letters is written in parts that a topic takes, and read back whole."""
    plan = PLAN._replace(places=frozenset((0, 3 * at) for at in range(2 * plans.PART_PLACES + 1)))
    parts = list(plan.parts())
    assert len(parts) == 3
    assert max(len(value) for _, value in parts) < 1_000_000
    assert read_plans([*reversed(parts), plan.head()], "replay") == [plan]


def test_the_last_word_counts() -> None:
    """Of two records of a key the later counts, and one without a value removes it."""
    done = PLAN._replace(is_done=True, places=frozenset())
    assert read_plans([PLAN.head(), done.head()], "replay") == [done]
    assert read_plans([PLAN.head(), (PLAN.head()[0], None)], "replay") == []


def test_without_a_head() -> None:
    """Parts without a head are no plan: nothing of it was sent."""
    assert read_plans(PLAN.parts(), "replay") == []


def test_what_is_no_plan() -> None:
    """Other records of the topic, and broken ones, are passed over."""
    others: list[tuple[bytes | None, bytes | None]] = [
        (None, b"{}"),
        (b"position/c/0", b"{}"),
        (b"pause", b"{}"),
        (b"replay/x", b"{"),
        (b"replay/y", b"[]"),
        (b"replay/z", b'{"at": "x", "source": {}, "state": "done", "question": "", "total": 1, "log": null}'),
        (b"replay/a1/0/x", b"no zlib"),
        (b"replay/\xff", b"{}"),
    ]
    bare = PLAN._replace(places=frozenset())
    assert read_plans([*others, bare.head()], "replay") == [bare]
    assert read_plans([PLAN.head()], "publish") == []


@pytest.mark.parametrize("field", [{"topic": 7}, {"log": []}, {"by": {}}, {"total": inf}, {"rate": "much"}])
def test_a_field_of_another_kind(field: dict[str, object]) -> None:
    """A plan with a field that is not of its kind is none."""
    key, value = PLAN.head()
    assert read_plans([(key, json.dumps(json.loads(value) | field).encode())], "replay") == []


def test_the_oldest_first() -> None:
    """Plans come in the order in which they were made."""
    older = PLAN._replace(id="b", at=PLAN.at - 1, places=frozenset())
    both = read_plans([PLAN.head(), older.head()], "replay")
    assert [plan.id for plan in both] == ["b", "a1"]
