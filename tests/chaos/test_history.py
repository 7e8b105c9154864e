"""History knows which log an offset is of: checked against a model of a log that keeps what it was given."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.history import (
    DELETED,
    EDITED,
    PASSED,
    REMADE,
    SET,
    TRUNCATED,
    History,
    Known,
    after,
    told_by,
)
from tests.chaos.logs import Committed, Intervention
from worker.core.binding import Binding, LogId
from worker.core.offset_map import OffsetMap, encode

APPEND = "append"


def did(what: str, offset: int, at: float, topic_id: str = "", epoch: int = -1) -> Intervention:
    """Something done to the partition, in a tenth of a second."""
    return Intervention(what, "t", 0, offset, at - 0.1, at, topic_id, epoch)


def committed(offset: int, at: float, metadata: str = "", epoch: int = -1) -> Committed:
    """A look at its committed offset."""
    return Committed("t", 0, offset, metadata, at, at - 0.01, epoch)


def bound(position: int, finished: OffsetMap | None, topic_id: str) -> str:
    """A commit's metadata."""
    return encode(position, finished, Binding(LogId(topic_id=topic_id)))


@given(st.lists(st.tuples(st.sampled_from((APPEND, REMADE, TRUNCATED, PASSED)), st.integers(0, 9))))
def test_a_record_keeps_its_place(steps: list[tuple[str, int]]) -> None:
    """Whatever is done to a log, each record has a place of its own, and is gone when the log says so."""
    log: dict[int, int] = {}  # by offset, which record lies there
    end = low = 0
    born: list[tuple[int, float]] = []
    interventions = []
    taken: set[int] = set()
    for at, (what, number) in enumerate(steps, start=1):
        if what == APPEND:
            log[end] = len(born)
            born.append((end, float(at)))
            end += 1
            continue
        cut = {REMADE: 0, TRUNCATED: max(low, end - number), PASSED: min(end, low + number)}[what]
        if what == PASSED:
            taken |= {record for offset, record in log.items() if offset < cut}
            low = cut
        else:
            taken |= {record for offset, record in log.items() if offset >= cut}
            end, low = cut, 0 if what == REMADE else low
        log = {offset: record for offset, record in log.items() if record not in taken}
        interventions.append(did(what, cut, float(at)))
    history = History(interventions)
    places = [history.place("t", 0, offset, at) for offset, at in born]
    assert len(set(places)) == len(places)
    assert {number for number, place in enumerate(places) if history.gone(place)} == taken


def test_what_was_committed_of_a_log_that_is_gone() -> None:
    """A commit that names another log's id, or an epoch before the cut, tells nothing of this one."""
    history = History([did(REMADE, 0, 5.0, topic_id="new")])
    assert history.tells(committed(9, 4.0, bound(9, None, "old")))
    assert not history.tells(committed(9, 6.0, bound(9, None, "old")))
    assert history.tells(committed(9, 6.0, bound(9, None, "new")))
    assert history.tells(committed(9, 6.0))
    cut = History([did(TRUNCATED, 7, 5.0, epoch=3)])
    assert not cut.tells(committed(9, 6.0, epoch=3))
    assert cut.tells(committed(9, 6.0, epoch=4))
    assert cut.tells(committed(9, 6.0))


def test_what_was_seen_amid_a_change() -> None:
    """A look that began before a change was over, and ended after it had begun, tells nothing."""
    history = History([did(SET, 3, 5.0)])
    assert not history.tells(Committed("t", 0, 9, "", 5.05, 4.8))
    assert not history.tells(Committed("t", 0, 9, "", 4.95, 4.8))
    assert history.tells(Committed("t", 0, 9, "", 4.85, 4.8))


def test_what_is_still_known_to_be_committed() -> None:
    """A cut takes what was above it, an offset that was set is where it goes on, retention takes nothing."""
    known = Known(5, frozenset({7, 9}))
    assert after(known, [did(TRUNCATED, 8, 1.0)]) == Known(5, frozenset({7}))
    assert after(known, [did(TRUNCATED, 2, 1.0)]) == Known(2)
    assert after(known, [did(REMADE, 0, 1.0)]) == Known()
    assert after(known, [did(PASSED, 20, 1.0)]) == known
    for what in (SET, EDITED, DELETED):
        assert after(known, [did(what, 3, 1.0)]) == Known(3)


def test_a_map_under_another_position() -> None:
    """A map that was written for another position tells nothing."""
    metadata = bound(5, OffsetMap(8, (5,)), "t")
    assert told_by(committed(5, 1.0, metadata)) == Known(5, frozenset({6, 7}))
    assert told_by(committed(4, 1.0, metadata)) == Known(4)
    assert told_by(committed(4, 1.0, "no map")) == Known(4)
