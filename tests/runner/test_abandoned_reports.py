"""The reports of killed workers are withdrawn by those that live."""

from __future__ import annotations

import pytest

from tests.fakes import FakeControl
from tests.runner.harness import Harness, until
from tests.runner.rounds import goes_round
from worker.core.orders import PauseOrder, Provenance
from worker.core.worker_report import ABANDONED_AFTER_SECONDS, WorkerReport, ended, write
from worker.ports import ControlNews, ControlRecord
from worker.runner import abandoned_reports

CONTROL = "worker.control"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks come one after another."""
    monkeypatch.setattr(abandoned_reports, "LOOK_SECONDS", 0.002)


def harness(control: FakeControl) -> Harness:
    """A runner that follows this control topic, and reports nothing of itself."""
    made = Harness(control=CONTROL, orders=control)
    made.kafka.create(CONTROL)
    return made


def report(name: str, at: float) -> ControlRecord:
    """A report that was written at a time."""
    message = write(WorkerReport(name, at), CONTROL)
    return message.key, message.value


def gone(name: str) -> ControlRecord:
    """The end of a report."""
    message = ended(name, CONTROL)
    return message.key, message.value


def withdrawn(it: Harness) -> list[bytes | None]:
    """The keys of the reports that were withdrawn, in order."""
    records = it.kafka.records(CONTROL)
    return [one.key for one in records if (one.key or b"").startswith(b"worker/") and one.value is None]


async def test_old_ones() -> None:
    """Reports of several days are withdrawn, once; younger ones and orders stay."""
    control = FakeControl(PauseOrder(Provenance(0.0, "ann")))
    async with harness(control) as it:
        now = it.time.now()
        control.write(
            report("killed", now - ABANDONED_AFTER_SECONDS - 1),
            report("gone", now - ABANDONED_AFTER_SECONDS - 1),
            gone("gone"),
            report("alive", now - ABANDONED_AFTER_SECONDS + 60),
            (b"worker/odd", b"no report"),
        )
        await until("it is withdrawn", lambda: bool(withdrawn(it)))
        await goes_round(it.runner._abandoned, "withdraw")
        assert withdrawn(it) == [b"worker/killed"]
        it.time.advance(61)
        await until("the other, too", lambda: withdrawn(it) == [b"worker/killed", b"worker/alive"])


async def test_refused() -> None:
    """A broker that refuses is asked again, and nothing else stops."""
    control = FakeControl()
    it = harness(control)
    it.publisher.refused.add(CONTROL)
    async with it:
        control.write(report("killed", 0.0))
        await goes_round(it.runner._abandoned, "withdraw")
        assert withdrawn(it) == []
        it.publisher.refused.clear()
        await until("it is withdrawn", lambda: withdrawn(it) == [b"worker/killed"])


async def test_a_topic_made_anew() -> None:
    """What lay on a topic that was deleted is no longer there to be withdrawn."""
    control = FakeControl(ready=False)
    async with harness(control) as it:
        it.runner._abandoned.hear(ControlNews([report("killed", 0.0)]))
        control.ready()
        await goes_round(it.runner._abandoned, "withdraw")
        assert withdrawn(it) == []
