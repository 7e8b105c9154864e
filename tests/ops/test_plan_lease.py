"""Sending waits while no claim of the run is acknowledged, says why, and can be stopped meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Event
from typing import cast

import pytest

from worker.adapters.kafka.bulk_publisher import PublishStopped
from worker.ops import plan_lease
from worker.ops.hearing import Hearing
from worker.ops.plan_lease import PlanLease
from worker.ops.plan_store import PlanStore, Stop

Record = tuple[bytes, bytes | None]


class SilentAfterTheFirst:
    """Plans on a broker that acknowledges the first claim, and none after it until it `answers`."""

    def __init__(self) -> None:
        self.answers = Event()
        self._written: list[Record] = []

    def records(self) -> list[Record]:
        """What was written."""
        return self._written

    def write_raw(self, records: Sequence[Record], stop: Stop = lambda: False) -> None:
        """Write, as soon as it is acknowledged or stopped."""
        while self._written and not stop() and not self.answers.wait(0.01):
            pass
        self._written += records


@pytest.fixture
def control(monkeypatch: pytest.MonkeyPatch) -> SilentAfterTheFirst:
    """A broker that falls silent; all that takes seconds takes moments."""
    monkeypatch.setattr(plan_lease, "BEAT_SECONDS", 0.01)
    monkeypatch.setattr(plan_lease, "SENDS_FOR_SECONDS", 0.2)
    monkeypatch.setattr(plan_lease, "_LOOK_SECONDS", 0.01)
    return SilentAfterTheFirst()


def items(count: int) -> Iterator[int]:
    """So many."""
    yield from range(count)


def test_it_says_why_it_waits(control: SilentAfterTheFirst) -> None:
    """While claims are not acknowledged nothing goes, which is said; then all goes on."""
    told: list[str] = []

    def answer(why: str) -> None:
        told.append(why)
        control.answers.set()

    hearing = Hearing(told.append, answer)
    with PlanLease(cast("PlanStore", control), "replay/r", hearing=hearing) as holding:
        holding._said_at = 0.0
        assert list(holding.while_ours(items(3))) == [0, 1, 2]
    assert told == ["it does not answer"]


def test_stopped_amid_a_wait(control: SilentAfterTheFirst) -> None:
    """Whoever stops a run that waits for its claim is heeded at once, whenever that is."""
    waited: list[str] = []
    hearing = Hearing(waited.append, waited.append)
    with PlanLease(cast("PlanStore", control), "replay/r", hearing=hearing) as holding:
        holding._said_at = 0.0
        with pytest.raises(PublishStopped):
            list(holding.while_ours(items(3), lambda: bool(waited)))
        control.answers.set()
