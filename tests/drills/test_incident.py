from __future__ import annotations

import pytest

from tests.drills.incident import Incident, Observed, problems
from tests.drills.page import Deed, Shown
from tests.drills.report import Row, table

FLOOD = Incident(
    name="DLQ flood",
    fires="Many",
    explains=["postback-worker dlq list | head"],
    says="rejected",
    begins=lambda _: None,
    ends=["postback-worker dlq replay"],
    shows=Shown("undelivered", "410"),
    ends_on_page=Deed("replay", {"reason": "rejected"}),
    repaired_by="the cause",
    follows=frozenset({"Dead"}),
)
GOOD = Observed(
    {"Many": 7.4, "Dead": 1.0}, "it was rejected", resolved=True, page="500 dead: rejected 410", shown=3.2
)


def test_as_it_should_go() -> None:
    """The alert fires with what follows from it, is explained, ends, and nothing is lost: no problem."""
    assert problems(FLOOD, GOOD) == []


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (GOOD._replace(fired={"Dead": 1.0}), "Many did not fire"),
        (GOOD._replace(fired={**GOOD.fired, "Other": 2.0, "Down": 3.0}), "Down, Other fired"),
        (GOOD._replace(printed="it was what?"), "'rejected' is not said by what explains"),
        (GOOD._replace(page="nothing is dead"), "the page does not show undelivered: 410"),
        (GOOD._replace(failed=["replay ended with 1"]), "failed: replay ended with 1"),
        (GOOD._replace(resolved=False), "the alert was not resolved"),
        (GOOD._replace(lost=2), "2 conversions were not recorded"),
        (GOOD._replace(trouble="no broker"), "no broker"),
    ],
)
def test_each_way_to_fail(seen: Observed, told: str) -> None:
    """One thing that does not go as it should is one problem, which says what."""
    assert problems(FLOOD, seen) == [told]


def test_a_backlog_is_worked_off() -> None:
    """The age of what waited may be told of once the incident is being ended, and not before."""
    late, early = ({**GOOD.fired, "PostbackSourceOld": at} for at in (30.0, 20.0))
    assert problems(FLOOD, GOOD._replace(fired=late, ending=25.0)) == []
    assert problems(FLOOD, GOOD._replace(fired=early, ending=25.0)) == ["PostbackSourceOld fired"]


def test_the_table() -> None:
    """A row has the seconds, the commands as given, and the verdict; a pipe does not end its cell."""
    rows = [Row(FLOOD, GOOD, [], 50.0), Row(FLOOD, Observed({}), ["Many did not fire"], 50.0)]
    _titles, _line, good, bad = table(rows).splitlines()
    assert good == (
        "| DLQ flood | Many | 7 | `postback-worker dlq list \\| head` "
        "| the cause, then `postback-worker dlq replay` | undelivered: 410 | 3 "
        "| replay, reason rejected | ok |"
    )
    assert bad.endswith("| Many did not fire |")
    assert "| never |" in bad


def test_a_line() -> None:
    """Who waits is told of each drill in a line, with the alerts that followed."""
    assert Row(FLOOD, GOOD, [], 50.0).line == "DLQ flood: ok, 50 s (and Dead)"
