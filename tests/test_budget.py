"""What a plain delivery may cost, counted in steps of the interpreter rather than in time.

The rule: no clock is asked, so that a slow machine fails nothing and a fast one hides nothing. To renew the
budget, first see that what was added belongs on the way of every event (`make bench` says what it costs),
then set the budgets to what `python -m tests.test_budget` prints.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, Self

import pytest

import schemas
import worker
from tests.adapters.kafka.messages import AT, message
from tests.support.hot_path import BATCH, LANES, HotPath, on_hot_path
from worker.adapters.kafka.batch_routing import BatchRouter
from worker.core.record import Headers
from worker.core.routing import Router, sorted_routes


class Cost(NamedTuple):
    """What the worker's own code does for one event, without what it calls does."""

    steps: float
    """Bytecode instructions."""
    calls: float
    """Calls of its functions."""
    foreign: float
    """Calls that it makes of functions written in C."""


BUDGET = Cost(steps=1626.36, calls=55.41, foreign=38.39)
"""With an answer for each lane in every turn of the loop, as of a partner that is near."""

BUDGET_ALONE = Cost(steps=1810.93, calls=64.27, foreign=42.1)
"""With one answer in each turn, as of a partner that is far: each event then bears what a turn costs."""

JOURNAL_BUDGET = Cost(steps=321.54, calls=4.08, foreign=16.05)
"""What the journal adds to the first."""

COPIES_BUDGET = Cost(steps=246.09, calls=6.0, foreign=6.0)
"""What the memory of copies adds to that."""

HEADERS_BUDGET = Cost(steps=68.0, calls=3.0, foreign=0.0)
"""What a producer's own header adds to an event that is journaled and remembered."""

UNTRACED_BUDGET = Cost(steps=40.0, calls=1.0, foreign=1.0)
"""What tracing adds to the first, of an event that is not traced."""

PASSED_BUDGETS = {"network": Cost(107.27, 2.01, 3.01), "header.network": Cost(75.27, 1.01, 2.01)}
"""What an event costs a destination that passes over it, by what its `when` asks for, from the read on."""

ROOM = 1.05
"""So much of the budget may be used: small changes need no renewal."""

SEEN = 1.15
"""A change by this factor is to be seen, whatever was there before."""

PASSED = 500
"""How many events are passed over: as many as are read at once."""

EVENT = b'{"event_id":"e-1","click_id":"c-1","event":"purchase","network":"binom","payout":"49.99"}'

_BATCHES = 12  # of as many records as three batches of steps
_OWN = tuple(path for package in (worker, schemas) for path in package.__path__)

needs_3_11 = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11), reason="the budget is counted in the bytecode of Python 3.11"
)


class Meter:
    """Counts while it is entered."""

    def __init__(self) -> None:
        self.steps = self.calls = self.foreign = 0

    def __enter__(self) -> Self:
        self._before = sys.gettrace()
        sys.settrace(self._enter)
        sys.setprofile(self._call)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        sys.settrace(self._before)

    def _enter(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        if not _is_own(frame):
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        self.calls += 1
        return self._step

    def _step(self, _frame: FrameType, event: str, _argument: Any) -> Any:
        self.steps += event == "opcode"
        return self._step

    def _call(self, frame: FrameType, event: str, _argument: Any) -> None:
        self.foreign += event == "c_call" and _is_own(frame)


def _is_own(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_OWN)


def measure(
    answers: int = LANES,
    *,
    journal: bool = False,
    copies: bool = False,
    tracing: bool = False,
    headers: Headers = (),
) -> Cost:
    """Count what an event costs once the worker has warmed up, with so many answers in a turn of the loop."""

    async def do(path: HotPath) -> Cost:
        await path.deliver(_BATCHES)
        with Meter() as meter:
            await path.deliver(_BATCHES, answers)
        events = _BATCHES * BATCH
        return Cost(*(round(count / events, 2) for count in (meter.steps, meter.calls, meter.foreign)))

    return on_hot_path(do, journal=journal, copies=copies, tracing=tracing, headers=headers)


@needs_3_11
@pytest.mark.parametrize(("answers", "budget"), [(LANES, BUDGET), (1, BUDGET_ALONE)])
def test_within_budget(answers: int, budget: Cost) -> None:
    """An event costs no more than the budget, which is close enough for a seventh more to be seen."""
    cost = measure(answers)
    hint = f"{cost} of {budget}: how to renew it is said at the top of {Path(__file__).name}"
    for used, most in zip(cost, budget, strict=True):
        assert used <= most * ROOM, f"an event costs more than it may: {hint}"
        assert used * SEEN > most * ROOM, f"an event costs less, and so wide a budget hides much: {hint}"


def added(after: Cost, before: Cost) -> Cost:
    """What the one costs more than the other."""
    return Cost(*(round(more - less, 2) for more, less in zip(after, before, strict=True)))


@needs_3_11
@pytest.mark.parametrize("copies", [False, True])
def test_within_budget_of_the_journal(copies: bool) -> None:
    """What the journal adds to an event stays within its own budget, and so does what remembers copies."""
    with_journal = measure(journal=True)
    more = (
        added(measure(journal=True, copies=True), with_journal) if copies else added(with_journal, measure())
    )
    most = COPIES_BUDGET if copies else JOURNAL_BUDGET
    hint = f"it adds {more} of {most}"
    for used, budget in zip(more, most, strict=True):
        assert used <= budget * ROOM, hint
        assert used * SEEN > budget * ROOM, hint


def measure_header() -> Cost:
    """Count what a header that is none of the worker's adds."""
    own = measure(journal=True, copies=True, headers=[("network", b"binom")])
    return added(own, measure(journal=True, copies=True))


@needs_3_11
def test_within_budget_of_a_header() -> None:
    """A record with its producer's own headers is no replay, and goes the way of one without any."""
    more = measure_header()
    for used, budget in zip(more, HEADERS_BUDGET, strict=True):
        assert used <= budget * ROOM, f"it adds {more} of {HEADERS_BUDGET}"


@needs_3_11
def test_within_budget_of_tracing() -> None:
    """What is not traced costs hardly more where tracing is on, and nothing where it is off."""
    more = added(measure(tracing=True), measure())
    for used, budget in zip(more, UNTRACED_BUDGET, strict=True):
        assert used <= budget * ROOM, f"it adds {more} of {UNTRACED_BUDGET}"


def measure_passing(asked: str) -> Cost:
    """Count what it costs to pass over one event of a batch."""
    routes = sorted_routes({"other": {}, "own": {asked: frozenset({"voluum"})}})
    passing = BatchRouter(Router("own", routes), print)
    batch, ats = [message(number, EVENT, [("network", b"binom")]) for number in range(PASSED)], [AT] * PASSED
    with Meter() as meter:
        taken, _ = passing.route(batch, ats)
    assert not taken
    return Cost(*(round(count / PASSED, 2) for count in (meter.steps, meter.calls, meter.foreign)))


@needs_3_11
@pytest.mark.parametrize("asked", PASSED_BUDGETS)
def test_within_budget_of_passing_over(asked: str) -> None:
    """What is another's costs a fifteenth of what is ours at most, and is not parsed."""
    cost, most = measure_passing(asked), PASSED_BUDGETS[asked]
    for used, budget in zip(cost, most, strict=True):
        assert used <= budget * ROOM, f"it costs {cost} of {most}"
        assert used * SEEN > budget * ROOM, f"it costs {cost} of {most}"


@needs_3_11
def test_counts_agree() -> None:
    """The count is the same each time."""
    assert measure() == measure()


if __name__ == "__main__":
    print(f"PASSED_BUDGETS = { ({asked: measure_passing(asked) for asked in PASSED_BUDGETS}) }")
    print(f"BUDGET = {measure()}")
    print(f"BUDGET_ALONE = {measure(1)}")
    print(f"JOURNAL_BUDGET = {added(measure(journal=True), measure())}")
    print(f"HEADERS_BUDGET = {measure_header()}")
    print(f"UNTRACED_BUDGET = {added(measure(tracing=True), measure())}")
    print(f"COPIES_BUDGET = {added(measure(journal=True, copies=True), measure(journal=True))}")
