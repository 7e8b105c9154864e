"""The window of a cut is as wide as the run itself was slow just then: narrow on a quiet machine."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.chaos.checker import check
from tests.chaos.evidence import Evidence, Story
from tests.chaos.history import History
from tests.chaos.logs import Deed, RoundTrip
from tests.chaos.stories import DRAIN, TIMEOUT, ask, source

KILLED = 10.0


def is_explained(ended: float, trips: Sequence[RoundTrip]) -> bool:
    """Tell whether a second 200 of what ended so many seconds before its worker was killed is explained."""
    first = ask(KILLED - ended - 0.01, answered=KILLED - ended)
    story = Story("e", True, (source(),), (first, ask(15, "w2-1", answered=15.1)))
    deeds = [Deed("kill", "w1-1", KILLED), Deed("dead", "w1-1", KILLED + 0.01)]
    verdict = check(Evidence({"e": story}, (), (), deeds, History(), trips=trips), TIMEOUT, DRAIN)
    return not verdict.violations


def steady(seconds: float, since: float = 0.0, until: float = 20.0) -> list[RoundTrip]:
    """Round trips that take so long, one after another."""
    count = int((until - since) / (seconds + 0.2))
    return [RoundTrip(since + number * (seconds + 0.2), seconds) for number in range(count)]


def test_on_a_quiet_machine() -> None:
    """Where our own commits took 20 ms what ended half a second before the kill is explained, no more."""
    assert is_explained(0.5, steady(0.02))
    assert not is_explained(0.7, steady(0.02))


def test_on_a_busy_machine() -> None:
    """Where they took half a second a worker's may have taken a second and a half, no more."""
    assert is_explained(1.7, steady(0.5))
    assert not is_explained(2.0, steady(0.5))


@pytest.mark.parametrize(("since", "until"), [(0.0, 6.0), (KILLED + 0.1, 20.0)])
def test_busy_at_another_time(since: float, until: float) -> None:
    """What was slow long before the kill, or after it, excuses nothing."""
    assert not is_explained(0.7, steady(0.5, since, until))


def test_amid_a_round_trip() -> None:
    """Of one that goes on at the kill counts what has passed of it."""
    assert is_explained(1.0, [RoundTrip(KILLED - 0.3, 5.0)])
    assert not is_explained(1.5, [RoundTrip(KILLED - 0.3, 5.0)])
