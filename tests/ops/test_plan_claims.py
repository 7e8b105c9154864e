"""Who has a plan, whatever runs claim it, and in which order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.ops.plan_claims import Claim, Raw, came_before, holder

PLAN = "replay/a1"


def held(*records: Raw) -> str | None:
    """The run that has the plan."""
    found = holder(records, PLAN)
    return None if found is None else found.run


def says(run: str, after: str | None = None, beat: int = 0) -> Raw:
    """A run's claim."""
    return Claim(run, after, beat).record(PLAN)


def goes(run: str, after: str | None = None) -> Raw:
    """A run that lets go."""
    return Claim(run, after, is_over=True).record(PLAN)


def test_the_first_has_it() -> None:
    """Of two that claim a plan at once the first has it, however often the other says so."""
    assert held(says("a"), says("b"), says("a", beat=1), says("b", beat=1)) == "a"
    assert held() is None


def test_letting_go() -> None:
    """A plan that its run lets go of is the next one's."""
    assert held(says("a"), goes("a")) is None
    assert held(says("a"), goes("a"), says("b")) == "b"
    assert held(says("a"), says("b"), goes("b")) == "a"


def test_in_the_place_of_a_dead_one() -> None:
    """Of two that take a plan from a dead run the first has it, and the dead one never gets it back."""
    taken = (says("a"), says("b", "a"), says("c", "a"), says("a", beat=9))
    assert held(*taken) == "b"
    assert held(*taken, goes("b", "a"), says("a", beat=10)) is None
    assert held(goes("b", "a"), says("a", beat=10)) is None


def test_a_beat_is_told() -> None:
    """The latest claim of the run that has it tells that it is alive."""
    found = holder([says("a"), says("a", beat=1), says("b", beat=7)], PLAN)
    assert found == Claim("a", None, 1)


def test_other_records() -> None:
    """Claims of other plans, and what can't be read, are passed over."""
    other = Claim("x").record("replay/a10")
    broken = [(b"replay/a1/claim/y", text) for text in (b"{", b"[]", b'{"beat": 1, "over": false}')]
    assert held(other, (None, None), *broken) is None
    assert held(other, *broken, says("a")) == "a"


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=12))
def test_after_compaction(order: list[str]) -> None:
    """Where all but the latest of each key is gone, somebody has it whenever somebody claims it."""
    records = [says(run, beat=number) for number, run in enumerate(order)]
    latest = {key: (key, value) for key, value in records}
    assert held(*latest.values()) in set(order)


def test_what_came_before() -> None:
    """What was written before a record first came is known, though it was written again later."""
    records = [(b"q", b"1"), (b"p", b"2"), (b"r", b"3"), (b"q", b"4")]
    assert came_before(records, b"p") == {b"q"}
    assert came_before(records, b"q") == set()
