"""How the account of a demonstration is drawn up."""

from __future__ import annotations

import pytest

from worker.demo.account import Account, NetworkFindings, draw_up
from worker.demo.events import FALLBACK, NETWORKS, conversions

GOOD = NetworkFindings({"a": 3}, {"a": 3}, 0, {"t/0/1": ["invalid"]}, 0)
PUBLISHED = {"t/0/0": "a", "t/0/1": None}


def test_an_account() -> None:
    """Each record is counted under its ending and its network; one with none, or two, is counted as such."""
    first = draw_up(
        {"t/0/0": "a", "t/0/1": "b", "t/0/2": None, "t/0/3": "c", "t/0/4": "d"},
        NetworkFindings(
            requested={"a": 1, "b": 2, "d": 1, "e": 1},
            recorded={"a": 1, "b": 2, "d": 1},
            again=1,
            dead={"t/0/2": ["undecodable"], "t/0/4": ["exhausted"]},
            behind=2,
        ),
    )
    second = draw_up({"t/0/5": "e"}, NetworkFindings(["e"], {"e": 3}, 0, {}, 0))
    account = Account({"one": first, "other": second})
    assert not account.complete
    assert account.published == 6
    assert [(line.ending, line.records, *line.by_network.values()) for line in account.lines()] == [
        ("published", 6, 5, 1),
        ("delivered at attempt 1", 2, 2, 0),
        ("delivered at attempt 2", 1, 1, 0),
        ("delivered at attempt 3", 1, 0, 1),
        ("dead letter: exhausted", 1, 1, 0),
        ("dead letter: undecodable", 1, 1, 0),
        ("not accounted for", 1, 1, 0),
        ("with two endings", 1, 1, 0),
        ("at the wrong network", 1, 1, 0),
        ("sent again after a 200", 1, 1, 0),
        ("not committed", 2, 2, 0),
    ]
    assert account.lines()[0].row() == {"ending": "published", "records": 6, "one": 5, "other": 1}


def test_a_complete_account() -> None:
    """It is complete when each record has one ending, at its network, and all is committed."""
    assert Account({"one": draw_up(PUBLISHED, GOOD)}).complete


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        (GOOD._replace(dead={}), "not accounted for"),
        (GOOD._replace(dead={"t/0/1": ["invalid", "invalid"]}), "with two endings"),
        (GOOD._replace(dead={"t/0/0": ["exhausted"], **GOOD.dead}), "with two endings"),
        (GOOD._replace(requested=["a", "b"]), "at the wrong network"),
        (GOOD._replace(dead={**GOOD.dead, "t/0/2": ["invalid"]}), "at the wrong network"),
        (GOOD._replace(again=1), "sent again after a 200"),
        (GOOD._replace(behind=1), "not committed"),
    ],
)
def test_a_fault(found: NetworkFindings, fault: str) -> None:
    """One fault at one network makes the whole account incomplete, and stands in its own line alone."""
    account = Account({"one": draw_up(PUBLISHED, GOOD), "other": draw_up(PUBLISHED, found)})
    assert not account.complete
    assert {name for name, count in account.networks["other"].faults.items() if count} == {fault}


def test_the_same_story() -> None:
    """Two runs publish the same events, each with its own id, half for each network, some wrong."""
    first, second = list(conversions(600, 1_700_000_000.0)), list(conversions(600, 1_700_000_000.0))
    assert first == second
    ids = [one.event_id for one in first if one.event_id is not None]
    assert len(set(ids)) == len(ids)
    assert sum(one.event_id is None for one in first) == 12
    assert {one.network for one in first if b"<order" in one.value} == {FALLBACK}
    assert [abs(sum(one.network == name for one in first) - 300) < 10 for name in NETWORKS] == [True, True]
