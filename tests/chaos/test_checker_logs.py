"""The chaos checker on logs that were cut, made again, or had their offsets set."""

from __future__ import annotations

import pytest

from tests.chaos.history import EDITED, PASSED, REMADE, SET, TRUNCATED
from tests.chaos.logs import Committed, Intervention
from tests.chaos.rows import Row
from tests.chaos.stories import ask, judge, kinds, source, tier
from tests.chaos.test_checker import TWICE, killed


def done(what: str, offset: int, at: float, topic: str = "t") -> Intervention:
    """What was done to a partition until this moment, in a tenth of a second."""
    return Intervention(what, topic, 0, offset, at - 0.1, at)


@pytest.mark.parametrize("what", [REMADE, TRUNCATED])
def test_gone_with_its_log(what: str) -> None:
    """What had not ended when its log was taken away is counted apart; what came later is lost."""
    verdict = judge([source(offset=3)], [], interventions=[done(what, 0, 5.0)])
    assert (verdict.gone, verdict.violations) == ({what: 1}, [])
    later = judge([source(at=6.0, offset=3)._replace(generation=1)], [], interventions=[done(what, 0, 5.0)])
    assert kinds(later) == ["lost"]


def test_gone_with_its_tier() -> None:
    """What waited in a tier that was made again is gone; what lies in another one is lost."""
    hops = [source(), tier(1.1, due=2.1)]
    assert judge(hops, [ask(1)], interventions=[done(REMADE, 0, 2.0, "t.1s")]).gone == {REMADE: 1}
    assert kinds(judge(hops, [ask(1)], interventions=[done(REMADE, 0, 2.0, "t.2s")])) == ["lost"]


def test_passed_by_its_retention() -> None:
    """What lay below the log's new start is gone; what lies at it or above is lost."""
    assert judge([source(offset=3)], [], interventions=[done(PASSED, 4, 5.0)]).gone == {PASSED: 1}
    assert kinds(judge([source(offset=4)], [], interventions=[done(PASSED, 4, 5.0)])) == ["lost"]


def test_a_commit_past_what_is_gone() -> None:
    """A commit past records that were taken away is as it should be; before that it is not."""
    commits = [Committed("t", 0, 9, "", 6.0, 5.9)]
    verdict = judge([source(offset=3)], [], commits=commits, interventions=[done(PASSED, 4, 5.0)])
    assert not verdict.violations
    early = [Committed("t", 0, 9, "", 4.0, 3.9)]
    verdict = judge([source(offset=3)], [], commits=early, interventions=[done(PASSED, 4, 5.0)])
    assert kinds(verdict) == ["committed unfinished"]


def test_a_commit_of_the_old_log() -> None:
    """An offset that was committed for a log that is gone tells nothing of a record of the new one."""
    commits = [Committed("t", 0, 9, "", 4.0, 3.9), Committed("t", 0, 2, "", 7.0, 6.9)]
    hops = [source(at=6.0, offset=1)._replace(generation=1)]
    requests = [ask(6.5, answered=6.6)]
    verdict = judge(hops, requests, commits=commits, interventions=[done(REMADE, 0, 5.0)])
    assert not verdict.violations


@pytest.mark.parametrize("what", [SET, EDITED])
def test_an_offset_that_was_set(what: str) -> None:
    """What lies above an offset that was set is sent once more; what lies below it is not."""
    assert judge([source(offset=3)], TWICE, interventions=[done(what, 3, 5.0)]).explained == {Row.SET: 1}
    assert kinds(judge([source(offset=3)], TWICE, interventions=[done(what, 4, 5.0)])) == ["duplicate"]
    thrice = [*TWICE, ask(12, "w2-1", answered=12.1)]
    assert kinds(judge([source(offset=3)], thrice, interventions=[done(what, 3, 5.0)])) == ["duplicate"]


def test_a_kill_after_an_offset_was_set() -> None:
    """What was committed before an offset was set below it is not any more: a kill may send it once more."""
    thrice = [*TWICE, ask(14, "w3-1", answered=14.1)]
    done_before = [Committed("t", 0, 4, "", 1.5, 1.4), Committed("t", 0, 3, "", 5.2, 5.15)]
    verdict = judge(
        [source(offset=3)], thrice, killed("w2-1", 9.2), done_before, interventions=[done(SET, 3, 5.0)]
    )
    assert verdict.explained == {Row.SET: 1, Row.SINCE_COMMIT: 1}
    late = [*done_before, Committed("t", 0, 4, "", 9.15, 9.1)]
    verdict = judge([source(offset=3)], thrice, killed("w2-1", 9.2), late, interventions=[done(SET, 3, 5.0)])
    assert kinds(verdict) == ["duplicate"]


def test_a_log_that_was_made_again() -> None:
    """What was sent of a new log before it was noticed is sent once more; what was sent later is not."""
    hops = [source(at=1.0)._replace(generation=1)]
    soon = [ask(1.5, answered=1.6), ask(3, answered=3.1)]
    assert judge(hops, soon, interventions=[done(REMADE, 0, 0.5)]).explained == {Row.REMADE: 1}
    late = [ask(8, answered=8.1), ask(9, "w2-1", answered=9.1)]
    assert kinds(judge(hops, late, interventions=[done(REMADE, 0, 0.5)])) == ["duplicate"]


def test_the_longest_pause() -> None:
    """The longest pause lies between two endings while events come."""
    hops = [source(), source(at=50.0, offset=1)]
    requests = [ask(1, answered=1.0), ask(2, answered=2.0), ask(9, answered=9.0)]
    assert judge(hops, requests).longest_pause == 7.0
