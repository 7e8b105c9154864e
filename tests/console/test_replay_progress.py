"""How far replays are, from the records of the control topic."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from worker.console.replay_progress import Part, Replays
from worker.console.watch import Replay, ReplayState
from worker.ops.plan_claims import Claim
from worker.ops.plan_lease import DEAD_AFTER_SECONDS
from worker.ops.plans import Plan

PLACES = frozenset({(0, 1), (0, 5), (1, 2)})
PLAN = Plan("replay", "a1", '{"status": 404}', 1000.0, {0: 7, 1: 9}, 3, PLACES, "log", by="me", rate=5.0)
NOW = 9e9
BEGUN = Replay("a1", ReplayState.INTERRUPTED, 1000.0, "me", {"status": 404}, None, 3, rate=5.0)


def of(*plans: Plan) -> Replays:
    """What is known once these were written."""
    replays = Replays()
    for plan in plans:
        assert all(replays.take(*record, 0.0) for record in [*plan.parts(), plan.head()])
    return replays


def by_place(number: int, offsets: Iterable[int]) -> Iterable[int | None]:
    """Each letter is of a conversion of its own; that at 1/2 is not known."""
    return [None if number else offset for offset in offsets]


def test_one_that_is_begun() -> None:
    """What is sent is counted by what is on the source, those conversions that are not known too."""
    replays = of(PLAN)
    assert replays.shown(9e9) == [BEGUN]
    assert replays.count(by_place) == {0: 7, 1: 9}
    assert replays.shown(NOW) == [BEGUN._replace(sent=0)]
    replays.sent(5)
    replays.sent(77)
    assert replays.shown(NOW)[0].sent == 2
    replays.sent(1)
    assert replays.shown(NOW)[0].sent == 3
    replays.sent(99)
    assert replays.shown(NOW)[0].sent == 3
    assert replays.question("a1") == PLAN.question
    assert list(replays.gone("log")) == []


def test_each_conversion_counts_once() -> None:
    """What is on the source twice, or is no letter of the plan, is not counted; counting anew begins anew."""
    replays = of(PLAN)
    for _ in range(2):
        replays.count(lambda number, offsets: [10 * number + offset for offset in offsets])
        for identity in (5, 5, 77):
            replays.sent(identity)
        assert replays.shown(NOW)[0].sent == 1


def test_one_that_is_done() -> None:
    """Of one that is done all letters are gone, once, where they are of this log; it is shown for an hour."""
    replays = of(PLAN, PLAN._replace(is_done=True))
    assert replays.shown(1001.0) == [BEGUN._replace(state=ReplayState.DONE, sent=3)]
    assert replays.shown(1000.0 + 3601) == []
    assert replays.begun == frozenset()
    assert replays.question("a1") is None
    assert list(replays.gone("another")) == []
    assert dict(replays.gone("log")) == {Part("a1", 0, "0"): [1, 5], Part("a1", 1, "0"): [2]}
    replays.applied(Part("a1", 0, "0"))
    assert dict(replays.gone(None)) == {Part("a1", 1, "0"): [2]}


def test_who_sends_it() -> None:
    """It is sent elsewhere while its claims come; nobody sends it once its run lets go, or is silent."""
    replays, claim = of(PLAN), Claim("run-1")

    def hears(claim: Claim, now: float) -> None:
        assert replays.take(*claim.record(PLAN.key), now)

    def state(now: float) -> ReplayState:
        return replays.shown(now)[0].state

    assert state(DEAD_AFTER_SECONDS - 1) is ReplayState.ELSEWHERE  # it was just written: a claim is to come
    assert state(DEAD_AFTER_SECONDS) is ReplayState.INTERRUPTED
    hears(claim, NOW)
    assert state(NOW) is ReplayState.ELSEWHERE
    hears(claim._replace(beat=1), NOW + 6)
    hears(Claim("run-2"), NOW + 9)  # of a run that was not quick enough
    assert state(NOW + 15) is ReplayState.ELSEWHERE
    assert state(NOW + 16) is ReplayState.INTERRUPTED
    hears(Claim("run-3", after="run-1"), NOW + 20)
    hears(claim._replace(beat=2), NOW + 25)  # of one that has lost it
    assert state(NOW + 29) is ReplayState.ELSEWHERE
    assert state(NOW + 30) is ReplayState.INTERRUPTED
    hears(Claim("run-3", "run-1", beat=1), NOW + 40)
    hears(Claim("run-3", "run-1", beat=2, is_over=True), NOW + 41)
    assert state(NOW + 41) is ReplayState.INTERRUPTED


def test_one_that_is_forgotten() -> None:
    """A plan that was removed is not known any more."""
    replays = of(PLAN._replace(is_done=True))
    for key, _ in [PLAN.head(), *PLAN.parts()]:
        replays.take(key, None, NOW)
    assert replays.shown(1000.0) == []
    assert list(replays.gone("log")) == []
    assert replays.count(by_place) == {}


@pytest.mark.parametrize(
    ("key", "value"),
    [(None, b"{}"), (b"pause", b"{}"), (b"publish/a1", PLAN.head()[1]), (b"worker/a1", b"{}")],
)
def test_other_records(key: bytes | None, value: bytes) -> None:
    """Other records of the topic are left to others."""
    assert not Replays().take(key, value, NOW)


@pytest.mark.parametrize("question", ["", "[]", "no JSON"])
def test_a_question_that_can_not_be_read(question: str) -> None:
    """A plan whose question is in other words is shown without them; a claim is no part of it."""
    replays = of(PLAN._replace(question=question))
    assert replays.take(b"replay/a1/claim/x", b"{}", NOW)
    assert replays.shown(NOW) == [BEGUN._replace(question={})]
