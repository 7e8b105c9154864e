"""What is answered in one turn of the event loop: all of it ends, then the lanes go on."""

from __future__ import annotations

import pytest

from tests.fakes import FakeLane
from tests.runner.harness import Harness, until
from worker.core.answer import Request, Response
from worker.core.endings import Delivered
from worker.ports import Attempter
from worker.runner import lanes


@pytest.mark.parametrize(("lanes_in_all", "together"), [(2, 32), (4, 2)])
async def test_all_end_before_the_next_begin(
    monkeypatch: pytest.MonkeyPatch, lanes_in_all: int, together: int
) -> None:
    """The records of all lanes that were answered have ended when the first of them sends the next one.

    Of many, the first lanes go on before the last have been looked at.
    """
    monkeypatch.setattr(lanes, "TOGETHER_ANSWERS", together)
    story: list[str] = []
    begin = FakeLane.begin

    def noted_begin(lane: FakeLane, request: Request, attempter: Attempter) -> None:
        story.append("begun")
        begin(lane, request, attempter)

    monkeypatch.setattr(FakeLane, "begin", noted_begin)
    async with Harness(concurrency=lanes_in_all) as harness:
        delivered = harness.heard.delivered

        def noted_delivered(ending: Delivered, now: float) -> None:
            story.append("ended")
            delivered(ending, now)

        monkeypatch.setattr(harness.heard, "delivered", noted_delivered)
        harness.sender.gate.clear()
        harness.source.assign(harness.first)
        harness.write(*range(2 * lanes_in_all))
        await harness.sent(lanes_in_all)
        harness.sender.gate.set()
        await harness.ended(2 * lanes_in_all)
    first, pairs = ["begun"] * lanes_in_all, lanes_in_all // 2
    assert story == [*first, *["ended", "ended", "begun", "begun"] * pairs, *["ended", "ended"] * pairs]


async def test_what_is_answered_as_all_stops_has_ended() -> None:
    """What was answered before the lanes are stopped, within the same turn, is delivered and not given up."""
    async with Harness() as harness:
        harness.sender.gate.clear()
        harness.source.assign(harness.first)
        harness.write(0)
        await harness.sent(1)
        all_lanes = harness.runner._delivery.lanes
        (slot,) = [one for one in all_lanes._slots if one.job is not None]
        slot.on_answer(Response(200))
        await all_lanes.stop()
        assert [type(ending) for ending in harness.heard.endings] == [Delivered]
        assert harness.runner.unfinished == 0


async def test_one_that_breaks_keeps_no_other_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a record's ending raises, the others that were answered end; the run fails for it."""
    async with Harness(concurrency=2, drain=0.05) as harness:
        delivered = harness.heard.delivered

        def broken(ending: Delivered, now: float) -> None:
            delivered(ending, now)
            if ending.record.offset == 0:
                raise RuntimeError("it broke")

        monkeypatch.setattr(harness.heard, "delivered", broken)
        harness.sender.gate.clear()
        harness.source.assign(harness.first)
        harness.write(0, 1)
        await harness.sent(2)
        harness.sender.gate.set()
        with pytest.raises(RuntimeError, match="it broke"):
            await harness.running
        await until("both", lambda: len(harness.heard.endings) == 2)
