"""Stories as logs and topics tell them, and what the checker says of each."""

from __future__ import annotations

from collections.abc import Sequence

from tests.chaos.checker import Verdict, check
from tests.chaos.evidence import DEAD, SOURCE, TIER, Evidence, Hop, Request, Story
from tests.chaos.history import History
from tests.chaos.logs import Committed, Deed, Group, Intervention

TIMEOUT, DRAIN = 3.0, 5.0
WALL = 1000.0  # epoch seconds at monotonic 0, in these stories


def source(at: float = 0.0, offset: int = 0) -> Hop:
    """The source record of the event."""
    return Hop(SOURCE, "t", 0, offset, "e", 0, at)


def tier(at: float, attempts: int = 1, due: float = 0.0, offset: int = 0) -> Hop:
    """A retry of it; `due` is monotonic here."""
    return Hop(TIER, "t.1s", 0, offset, "e", attempts, at, WALL + due)


def dead(at: float, offset: int = 0) -> Hop:
    """Its dead letter."""
    return Hop(DEAD, "t.dlq", 0, offset, "e", 5, at)


def ask(at: float, worker: str = "w1-1", answered: float | None = None) -> Request:
    """A request for it."""
    return Request(worker, at, WALL + at, "200" if answered else "500", answered)


def judge(
    hops: Sequence[Hop],
    requests: Sequence[Request],
    deeds: Sequence[Deed] = (),
    commits: Sequence[Committed] = (),
    states: Sequence[Group] = (),
    interventions: Sequence[Intervention] = (),
) -> Verdict:
    """Judge the story of one event."""
    story = Story("e", True, tuple(hops), tuple(requests))
    return check(Evidence({"e": story}, commits, states, deeds, History(interventions)), TIMEOUT, DRAIN)


def kinds(verdict: Verdict) -> list[str]:
    """The kinds of its violations."""
    return [violation.kind for violation in verdict.violations]
