"""The journal's checker tells right from wrong: each way in which a step and the world may differ."""

from __future__ import annotations

from collections.abc import Sequence

from tests.chaos.checker import check
from tests.chaos.evidence import Evidence, Hop, Request, Story
from tests.chaos.history import REMADE, History
from tests.chaos.logs import RECORDED, Committed, Deed, Intervention, Step
from tests.chaos.stories import DRAIN, TIMEOUT, ask, dead, source, tier

COMMITTED = [Committed("t", 0, 1, "", 1.3)]


def step(kind: str, at: float, attempt: int = 1, offset: int = 0) -> Step:
    """A step of the event."""
    return Step("e", kind, attempt, f"t/0/{offset}", at)


def judge(
    steps: Sequence[Step],
    hops: Sequence[Hop],
    requests: Sequence[Request],
    commits: Sequence[Committed] = (),
    deeds: Sequence[Deed] = (),
    done: Sequence[Intervention] = (),
) -> list[str]:
    """The kinds of what is wrong with the story of one event and its steps."""
    story = Story("e", True, tuple(hops), tuple(requests))
    evidence = Evidence({"e": story}, commits, (), deeds, History(done), steps)
    return [violation.kind for violation in check(evidence, TIMEOUT, DRAIN).violations]


def test_as_it_should_be() -> None:
    """A delivery, and a retry before it, each with its step before its commit, are as they should be."""
    assert judge([step("delivered", 1.2)], [source()], [ask(1, answered=1.1)], COMMITTED) == []
    steps = [step("retry", 1.2), step("delivered", 2.2, 2)]
    commits = [*COMMITTED, Committed("t.1s", 0, 1, "", 2.4)]
    hops = [source(), tier(1.1, due=2.0)]
    assert judge(steps, hops, [ask(1), ask(2.1, answered=2.1)], commits) == []
    assert judge([step("dead", 1.2)], [source(), dead(1.1)], [ask(1)], COMMITTED) == []


def test_committed_before_its_step() -> None:
    """A record that was seen committed before its step was in the journal, or without one, is a violation."""
    requests = [ask(1, answered=1.1)]
    assert judge([step("delivered", 1.5)], [source()], requests, COMMITTED) == ["not journaled"]
    assert set(judge([], [source()], requests, COMMITTED)) == {"not journaled", "journal untrue"}


def test_a_step_of_what_was_not() -> None:
    """A delivery that no 200 was given for, a retry and a dead letter that are not there, are untrue."""
    assert judge([step("delivered", 1.2)], [source(), dead(1.1)], [ask(1)]) == ["journal untrue"]
    assert judge([step("dead", 1.2)], [source()], [ask(1, answered=1.1)]) == ["journal untrue"]
    hops, requests = [source(), tier(1.1, due=2.0)], [ask(1), ask(2.1, answered=2.1)]
    assert judge([step("retry", 1.2, 2)], hops, requests) == ["journal untrue"]


def test_a_step_before_its_time() -> None:
    """A retry's step that was there before the tier had taken it promises what is not there yet."""
    hops, requests = [source(), tier(1.1, due=2.0)], [ask(1), ask(2.1, answered=2.1)]
    assert judge([step("retry", 1.0), step("delivered", 2.2, 2)], hops, requests) == ["journal untrue"]


def test_a_record_without_an_ending() -> None:
    """A record that is finished, and of which a retry's step alone tells, lacks its ending."""
    commits = [*COMMITTED, Committed("t.1s", 0, 1, "", 2.4)]
    hops = [source(), tier(1.1, due=2.0), dead(2.2)]
    kinds = judge([step("retry", 1.2), step("dead", 2.3, 2, offset=7)], hops, [ask(1), ask(2.1)], commits)
    assert kinds == ["not journaled"]


def test_gone_with_its_tier() -> None:
    """A record whose retry was taken away with its tier's log owes no ending; one that had ended owes it."""
    steps = [step("retry", 1.2), step("retry", 2.3, 2)]
    hops = [source(), tier(1.1, due=2.0), tier(2.2, attempts=2, due=5.0)._replace(topic="t.2s")]
    commits = [*COMMITTED, Committed("t.1s", 0, 1, "", 2.4)]
    done = [Intervention(REMADE, "t.2s", 0, 0, 2.9, 3.0)]
    cut = ask(1, answered=1.05)._replace(action=RECORDED)  # the partner has it, the worker does not know
    for asked in ([ask(1), ask(2.1)], [cut, ask(2.1)]):
        assert judge(steps, hops, asked, commits, done=done) == []
    assert set(judge(steps, hops, [ask(1), ask(2.1, answered=2.15)], commits, done=done)) == {
        "not journaled",
        "journal untrue",
    }


def test_two_endings() -> None:
    """A second ending of one record is a violation, though a kill had it sent again."""
    steps = [step("delivered", 1.2), step("delivered", 3.2)]
    requests = [ask(1, answered=1.1), ask(3, "w2-1", answered=3.1)]
    commits = [Committed("t", 0, 1, "", 3.4)]
    assert set(judge(steps, [source()], requests, commits)) == {"duplicate", "journaled twice"}
    deeds = [Deed("start", "w1-1", 0.0), Deed("kill", "w1-1", 1.3), Deed("dead", "w1-1", 1.31)]
    assert judge(steps, [source()], requests, commits, deeds) == ["journaled twice"]
    assert judge(steps[1:], [source()], requests, commits, deeds) == []


def test_copies_of_what_cannot_be_sent() -> None:
    """Each record of an event that can't be sent has a dead letter of its own, and no second one."""
    hops = [source(), source(0.5, offset=1), dead(1.1), dead(1.3, offset=1)]
    steps = [step("dead", 1.2), step("dead", 1.4, offset=1)]
    commits = [Committed("t", 0, 2, "", 1.5)]
    assert judge(steps, hops, [], commits) == []
    assert "duplicate" in judge(steps, [*hops, dead(1.45, offset=2)], [], commits)
    assert "duplicate" in judge(steps, hops, [ask(1)], commits)


FROZEN = [Deed("stop", "w1-1", 1.2), Deed("resume", "w1-1", 9.0)]
LATE, OTHER = (
    step("delivered", 9.1)._replace(worker="a", said=1.15),
    step("delivered", 5.2)._replace(worker="b"),
)
SENT_TWICE = [ask(1, answered=1.1), ask(5, "w2-1", answered=5.1)]


def test_on_its_way_at_a_freeze() -> None:
    """An ending that was on its way when its worker was frozen may come late; nothing else may."""
    assert judge([OTHER, LATE], [source()], SENT_TWICE, deeds=FROZEN) == []
    for wrong in (
        [OTHER, LATE._replace(said=1.3)],  # noted in the freeze, or after it
        [OTHER, LATE._replace(at=8.5)],  # taken while it was frozen
        [OTHER, LATE._replace(worker="b")],
        [OTHER._replace(at=1.1, said=1.1), LATE],  # the first one was there before
    ):
        assert judge(wrong, [source()], SENT_TWICE, deeds=FROZEN) == ["journaled twice"]
    assert "journaled twice" in judge([OTHER, LATE], [source()], SENT_TWICE)


def test_at_the_same_time() -> None:
    """Two workers may both tell of a record that they end at the same time, where one had stood still."""
    late = LATE._replace(said=9.05, at=9.3)
    other = OTHER._replace(at=9.1)
    requests = [ask(1, answered=1.1), ask(9, "w2-1", answered=9.0)]
    assert judge([other, late], [source()], requests, deeds=FROZEN) == []
    assert judge([other, late._replace(at=9.9)], [source()], requests, deeds=FROZEN) == ["journaled twice"]
    assert "journaled twice" in judge([other, late], [source()], requests)


def test_a_record_and_its_retry_at_the_same_time() -> None:
    """Two workers may both end a record that lies in two places: its retry was made just before a kill."""
    killed = [Deed("kill", "w1-1", 1.2), Deed("dead", "w1-1", 1.21)]
    first, late = OTHER._replace(at=9.1), LATE._replace(at=9.3, attempt=2)
    requests = [ask(1), ask(9, "w2-1", answered=9.0), ask(9.01, "w3-1", answered=9.02)]
    hops = [source(), tier(1.1, due=2.0)]
    assert judge([first, late], hops, requests, deeds=killed) == []
    for steps, places, deeds in (
        ([first, late._replace(at=9.9)], hops, killed),  # it could have known
        ([first, late._replace(worker="b")], hops, killed),
        ([first, late], [source()], killed),  # it lay in one place
        ([first, late], [source(), tier(3.0, due=4.0)], killed),  # nor did the killed one make it
        ([first, late], hops, [Deed("kill", "w2-1", 1.2), Deed("dead", "w2-1", 1.21)]),
    ):
        assert "journaled twice" in judge(steps, places, requests, deeds=deeds)


def test_word_by_word() -> None:
    """A step may lie there twice whose acknowledgement a broker's death cut off, if it says the same."""
    away = [Deed("kill", "broker", 1.2), Deed("up", "broker", 4.0)]
    first, second = LATE._replace(at=1.19), LATE._replace(at=4.5)
    requests = SENT_TWICE[:1]
    assert judge([first, second], [source()], requests, deeds=away) == []
    assert judge([first, second._replace(attempt=2)], [source()], requests, deeds=away) == ["journaled twice"]
    assert judge([first, second], [source()], requests) == ["journaled twice"]


def test_copies() -> None:
    """A copy ends as `duplicate`; one that was sent is a violation, as is a copy of nothing."""
    hops, commits = [source(), source(0.5, offset=1)], [Committed("t", 0, 2, "", 1.4)]
    steps = [step("delivered", 1.2), step("duplicate", 1.3, offset=1)]
    assert judge(steps, hops, [ask(1, answered=1.1)], commits) == []
    sent = [ask(1, answered=1.1), ask(1.2, "w2-1", answered=1.25)]
    assert "duplicate" in judge([steps[0], step("delivered", 1.3, offset=1)], hops, sent, commits)
    assert "not journaled" in judge(steps[:1], hops, [ask(1, answered=1.1)], commits)
    assert judge([*steps[:1], step("duplicate", 1.25)], hops[:1], [ask(1, answered=1.1)]) == [
        "journal untrue",
        "journaled twice",
    ]
