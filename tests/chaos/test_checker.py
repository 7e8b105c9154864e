"""The checker tells right from wrong: each kind of violation, and what explains a second ending."""

from __future__ import annotations

import pytest

from tests.chaos.checker import check, cover
from tests.chaos.evidence import Evidence, Request, Story
from tests.chaos.logs import RECORDED, Committed, Deed, Group
from tests.chaos.rows import Row
from tests.chaos.stories import DRAIN, TIMEOUT, WALL, ask, dead, judge, kinds, source, tier
from worker.core.binding import Binding, LogId
from worker.core.offset_map import OffsetMap, encode


def test_a_delivery() -> None:
    """One 200, committed afterwards, is as it should be."""
    verdict = judge([source()], [ask(1, answered=1.1)], commits=[Committed("t", 0, 1, "", 1.3)])
    assert not verdict.violations
    assert (verdict.events, verdict.delivered, verdict.dead) == (1, 1, 0)


def test_a_retry_and_a_dead_letter() -> None:
    """A retry at its time, and a dead letter after the last, are as they should be."""
    hops = [source(), tier(1.1, due=2.1), tier(2.2, attempts=2, due=4.2), dead(4.3)]
    assert not judge(hops, [ask(1), ask(2.15), ask(4.25)]).violations


def test_lost() -> None:
    """An acknowledged event without 200 or dead letter is lost; one that nobody was promised is not."""
    assert kinds(judge([source()], [ask(1)])) == ["lost"]
    story = Story("e", False, (source(),), ())
    assert not check(Evidence({"e": story}, (), (), ()), TIMEOUT, DRAIN).violations


def test_early() -> None:
    """A request before the retry is due is early."""
    assert kinds(judge([source(), tier(1.1, due=2.1)], [ask(1), ask(2.0, "w2-1", answered=2.0)])) == ["early"]


def test_committed_unfinished() -> None:
    """A commit, or its map, beyond a record without an ending is a violation."""
    commits = [Committed("t", 0, 1, "", 0.9)]
    assert kinds(judge([source()], [ask(1, answered=1.1)], commits=commits)) == ["committed unfinished"]
    above = [Committed("t", 0, 0, encode(0, OffsetMap(2, (0,)), Binding(LogId())), 0.9)]
    verdict = judge([source(offset=1)], [ask(1, answered=1.1)], commits=above)
    assert kinds(verdict) == ["committed unfinished"]


def test_committed_before_the_retry_is_acknowledged() -> None:
    """A record that was committed before the broker took its retry is a violation."""
    commits = [Committed("t", 0, 1, "", 1.1)]
    verdict = judge([source(), tier(1.5, due=2.5)], [ask(1), ask(2.6, answered=2.6)], commits=commits)
    assert kinds(verdict) == ["committed unfinished"]


@pytest.mark.parametrize(
    "later", [Committed("t", 0, 4, "", 2.0), Committed("t", 0, 5, "", 2.0)], ids=["offset", "map"]
)
def test_backwards(later: Committed) -> None:
    """An offset that falls, and a map that loses what it told, are backwards."""
    _, violations = cover([Committed("t", 0, 5, encode(5, OffsetMap(8, (5,)), Binding(LogId())), 1.0), later])
    assert {violation.kind for violation in violations} == {"backwards"}


def test_resent() -> None:
    """Two requests of one worker without a retry between them are a secret second attempt."""
    assert kinds(judge([source()], [ask(1), ask(1.01, answered=1.02)])) == ["resent"]


def test_resent_while_the_circuit_may_be_open() -> None:
    """After many failures of the worker an attempt may not have counted."""
    others = {f"o{number}": Story(f"o{number}", False, (), (ask(1),)) for number in range(10)}
    story = Story("e", True, (source(),), (ask(1), ask(2, answered=2.1)))
    assert not check(Evidence({"e": story, **others}, (), (), ()), TIMEOUT, DRAIN).violations


def test_resent_while_the_circuit_stays_open() -> None:
    """It stays open for as long as nothing is taken, however seldom it asks; what is taken closes it."""
    others = {f"o{number}": Story(f"o{number}", False, (), (ask(1),)) for number in range(10)}
    story = Story("e", True, (source(),), (ask(30), ask(60, answered=60.1)))
    assert not check(Evidence({"e": story, **others}, (), (), ()), TIMEOUT, DRAIN).violations
    taken = {"taken": Story("taken", True, (source(offset=9),), (ask(2, answered=2.1),))}
    verdict = check(Evidence({"e": story, **others, **taken}, (), (), ()), TIMEOUT, DRAIN)
    assert kinds(verdict) == ["resent"]


def test_resent_once_the_circuit_has_closed() -> None:
    """What was asked while it may have been open need not have counted, also where it is closed since."""
    others = {f"o{number}": Story(f"o{number}", False, (), (ask(1),)) for number in range(10)}
    closing = Story("closing", True, (source(offset=9),), (ask(60, answered=60.1),))
    story = Story("e", True, (source(),), (ask(2), ask(60.2, answered=60.3)))
    stories = {"e": story, "closing": closing, **others}
    assert not check(Evidence(stories, (), (), ()), TIMEOUT, DRAIN).violations


TWICE = [ask(1, "w1-1", answered=1.1), ask(9, "w2-1", answered=9.1)]


def killed(worker: str, at: float) -> list[Deed]:
    """A `kill -9`, and the end of the process."""
    return [Deed("kill", worker, at), Deed("dead", worker, at + 0.01)]


def test_a_duplicate_without_a_reason() -> None:
    """A second 200 that nothing explains is a violation, also long after a kill."""
    assert kinds(judge([source()], TWICE)) == ["duplicate"]
    assert kinds(judge([source()], TWICE, killed("w1-1", 9.0))) == ["duplicate"]
    assert kinds(judge([source()], TWICE, killed("w3-1", 1.2))) == ["duplicate"]


def test_a_duplicate_after_a_kill() -> None:
    """What was in flight, or finished since the last commit, when its worker was killed is explained."""
    verdict = judge([source()], TWICE, killed("w1-1", 1.2))
    assert not verdict.violations
    assert verdict.explained == {Row.SINCE_COMMIT: 1}


def test_a_duplicate_of_what_was_read_after_the_death() -> None:
    """What a killed worker had sent is explained though the partner reads it when the worker is dead."""
    requests = [ask(1.3, answered=1.3), ask(6, "w2-1", answered=6)]
    assert judge([source()], requests, killed("w1-1", 1.2)).explained == {Row.IN_FLIGHT: 1}


def test_both_records_of_an_event_after_a_kill() -> None:
    """A kill may send an event's source record and its published retry round again, each by itself."""
    hops = [source(), tier(1.1, due=2.1)]
    requests = [
        ask(1),
        ask(2.15, answered=2.2),
        ask(4, "w2-1", answered=4),  # the retry again
        ask(5, "w3-1", answered=5),  # the source record again
        ask(9, "w4-1", answered=9),  # and once more
    ]
    deeds = [*killed("w1-1", 2.3), *killed("w3-1", 5.1)]
    commits = [Committed("t.1s", 0, 1, "", 4.2), Committed("t", 0, 1, "", 9.2)]
    states = [Group("PreparingRebalance", 0.9, 1.0), Group("Stable", 3.9, 4.0)]
    verdict = judge(hops, requests, deeds, commits, states)
    assert not verdict.violations
    assert verdict.explained == {Row.SINCE_COMMIT: 2, Row.IN_FLIGHT: 1}
    late = [Committed("t", 0, 1, "", 4.5), *commits[:1]]
    assert kinds(judge(hops, requests, deeds, late, states)) == ["duplicate"]


def test_a_duplicate_of_what_was_committed() -> None:
    """What had been seen committed before the kill must not come again."""
    commits = [Committed("t", 0, 1, "", 1.15)]
    assert kinds(judge([source()], TWICE, killed("w1-1", 1.2), commits)) == ["duplicate"]


def test_a_duplicate_after_a_stalled_commit() -> None:
    """While the group waits for a dead member commits do not pass, so a kill then explains more."""
    states = [Group("PreparingRebalance", 0.4, 0.5), Group("Stable", 8.0, 8.1)]
    assert not judge([source()], TWICE, killed("w1-1", 5.0), states=states).violations


def test_a_duplicate_after_a_stop() -> None:
    """What a stopped worker had under way, or sends before it hears that it is out, is explained once."""
    deeds = [Deed("stop", "w1-1", 1.05), Deed("resume", "w1-1", 9.5)]
    assert not judge([source()], TWICE, deeds).violations
    thrice = [*TWICE, ask(20, "w1-1", answered=20.1)]
    assert kinds(judge([source()], thrice, deeds)) == ["duplicate"]


def test_a_duplicate_of_what_the_partner_never_saw() -> None:
    """A retry whose attempt failed before the partner saw it counts as work, too."""
    hops = [source(), tier(1.0, due=2.0)]
    requests = [ask(4, "w2-1", answered=4.1), ask(4.2, "w2-1", answered=4.3)]
    deeds = [
        *killed("w1-1", 1.5),
        Deed("partner outage", "partner", 0.5),
        Deed("partner ok", "partner", 3.0),
    ]
    assert not judge(hops, requests, deeds).violations


def test_a_duplicate_of_a_worker_that_came_back() -> None:
    """A stopped worker fails with a record that another one has delivered: its retry is one of that stop."""
    hops = [source(), tier(9.01)]
    requests = [ask(5, "w2-1", answered=5.1), ask(10.1, "w2-1", answered=10.2)]
    deeds = [Deed("stop", "w1-1", 1.0), Deed("resume", "w1-1", 9.0)]
    verdict = judge(hops, requests, deeds)
    assert (verdict.explained, verdict.violations) == ({Row.IN_FLIGHT: 1}, [])
    assert kinds(judge(hops, requests)) == ["duplicate"]


def test_the_broker_away() -> None:
    """What was finished while the broker was away may come again; not what was finished long after."""
    deeds = [Deed("kill", "broker", 0.9), Deed("up", "broker", 4.0)]
    assert judge([source()], TWICE, deeds).explained == {Row.BROKER_AWAY: 1}
    late = [ask(30, answered=30.1), ask(40, answered=40.1)]
    assert "duplicate" in kinds(judge([source()], late, deeds))


def test_what_a_drain_cut_off() -> None:
    """What a worker that ends had still under way at the deadline of its drain is explained, and no more."""
    deeds = [Deed("term", "w1-1", 1.0), Deed("left", "w1-1", 1.0 + DRAIN + 0.5)]
    late = [ask(1 + DRAIN - 1, answered=1 + DRAIN + 0.2), ask(9, "w2-1", answered=9.1)]
    assert judge([source()], late, deeds).explained == {Row.DRAIN: 1}
    soon = [ask(1.5, answered=2.5), ask(9, "w2-1", answered=9.1)]
    assert kinds(judge([source()], soon, deeds)) == ["duplicate"]


def test_recorded_and_reset() -> None:
    """A conversion that was recorded, and whose answer was not read, is explained once."""
    hops = [source(), tier(1.2, due=2.2)]
    unread = Request("w1-1", 1, WALL + 1, RECORDED, 1.01)
    assert judge(hops, [unread, ask(2.3, answered=2.4)]).explained == {Row.CLOSED: 1}
    thrice = [unread, ask(2.3, answered=2.4), ask(3.3, answered=3.4)]
    assert "duplicate" in kinds(judge(hops, thrice))
    assert kinds(judge([source()], [unread, ask(2.3, answered=2.4)])) == ["resent"]
