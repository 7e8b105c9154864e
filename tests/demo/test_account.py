"""How the account of a demonstration is drawn up."""

from __future__ import annotations

from worker.demo.account import Line, draw_up
from worker.demo.events import conversions


def test_an_account() -> None:
    """Each record is counted under its ending; one with none, and one with two, are counted as such."""
    account = draw_up(
        published={"t/0/0": "a", "t/0/1": "b", "t/0/2": None, "t/0/3": "c", "t/0/4": "d"},
        recorded={"a": 1, "b": 2, "d": 1},
        dead={"t/0/2": "undecodable", "t/0/4": "exhausted"},
        again=1,
        behind=2,
    )
    assert not account.complete
    assert account.lines() == [
        Line("published", 5),
        Line("delivered at attempt 1", 2),
        Line("delivered at attempt 2", 1),
        Line("dead letter: exhausted", 1),
        Line("dead letter: undecodable", 1),
        Line("not accounted for", 1),
        Line("with two endings", 1),
        Line("sent again after a 200", 1),
        Line("not committed", 2),
    ]


def test_a_complete_account() -> None:
    """An account is complete when each record has one ending, none was sent again, and all is committed."""
    assert draw_up({"t/0/0": "a", "t/0/1": None}, {"a": 3}, {"t/0/1": "invalid"}, 0, 0).complete


def test_the_same_story() -> None:
    """Two runs publish the same events, each with its own id, some of them wrong on purpose."""
    first, second = list(conversions(200, 1_700_000_000.0)), list(conversions(200, 1_700_000_000.0))
    assert first == second
    ids = [one.event_id for one in first if one.event_id is not None]
    assert len(set(ids)) == len(ids)
    assert sum(one.event_id is None for one in first) == 4
