"""What a worker reports of itself on the control topic."""

from __future__ import annotations

import pytest

from tests.fakes import FakeControl
from tests.runner.copies import ids
from tests.runner.harness import REFUSED_CONNECTION, Harness, until
from tests.runner.rounds import goes_round
from worker.core.admission.circuit import CircuitPolicy
from worker.core.orders import PauseOrder, Provenance, RateOrder
from worker.core.silence import SILENT_AFTER_SECONDS
from worker.core.worker_report import AGAIN_AFTER_SECONDS, WorkerReport, read
from worker.runner import self_report, silence

CONTROL = "worker.control"
GIVEN = Provenance(1_700_000_000.0, "ann")


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks come one after another."""
    monkeypatch.setattr(self_report, "LOOK_SECONDS", 0.002)


def reports(harness: Harness) -> list[WorkerReport | None]:
    """What was written, in order; None where it was taken back."""
    records = harness.kafka.records(CONTROL)
    return [read(one.key, one.value) for one in records if (one.key or b"").startswith(b"worker/")]


def harness(**given: object) -> Harness:
    """A runner that reports."""
    made = Harness(control=CONTROL, members=("m-1", "m-2"), **given)  # type: ignore[arg-type]
    made.kafka.create(CONTROL)
    return made


async def test_written_once_and_taken_back() -> None:
    """What does not change is written once, and taken back at the end."""
    async with harness() as it:
        it.source.assign(it.first)
        await until("a report", lambda: any(one and not one.not_ready for one in reports(it)))
        count = len(reports(it))
        await goes_round(it.runner._self_report, "write")
        assert len(reports(it)) == count
        report = reports(it)[-1]
        assert report is not None
        assert (report.id, report.members, report.circuit, report.not_ready) == (
            "m-1",
            ("m-1", "m-2"),
            None,
            (),
        )
        await it.end()
        assert reports(it)[count:] == [None]


async def test_an_outage_and_a_pause() -> None:
    """An open circuit is reported with its cause; a pause is not, because the order says it."""
    policy = CircuitPolicy(min_failures=2, window=10.0)
    async with harness(orders=FakeControl(PauseOrder(GIVEN)), policy=policy) as it:
        await until("a report", lambda: len(reports(it)) == 1)
        assert (report := reports(it)[0]) is not None
        assert report.bound_by == ()
    async with harness(policy=policy) as it:
        it.sender.answer = lambda _request: REFUSED_CONNECTION
        it.source.assign(it.first)
        it.write(*range(12))
        await until("it is told", lambda: any(one and one.circuit for one in reports(it)))
        circuit = next(one.circuit for one in reports(it) if one and one.circuit)
        assert (circuit.status, circuit.error) == ("connection", "connection refused")


async def test_an_outage_of_who_has_no_partition() -> None:
    """A worker that has lost its partitions amid an outage, and so never probes, reports no open circuit."""
    async with harness(policy=CircuitPolicy(min_failures=2, window=10.0)) as it:
        it.sender.answer = lambda _request: REFUSED_CONNECTION
        it.source.assign(it.first)
        it.write(*range(12))
        await until("it is told", lambda: any(one and one.circuit for one in reports(it)))
        it.source.lose(it.first)
        await until("it is taken back", lambda: (last := reports(it)[-1]) is not None and not last.circuit)


async def test_a_silent_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    """A partition that has records and gives none is reported until it gives some."""
    monkeypatch.setattr(silence, "LOOK_EVERY_SECONDS", 0.002)
    async with harness() as it:
        it.source.assign(it.first)
        it.source.ends[it.first] = 3
        await until("a look", lambda: bool(it.runner._silence._silences._watched))
        it.time.advance(SILENT_AFTER_SECONDS)
        await until("it is told", lambda: any(one and one.silent for one in reports(it)))
        (line,) = next(one.silent for one in reports(it) if one and one.silent)
        assert line.startswith(f"{it.first} gives nothing since ")
        del it.source.ends[it.first]
        it.write(1)
        await until("it is taken back", lambda: (last := reports(it)[-1]) is not None and not last.silent)


async def test_a_rate() -> None:
    """A rate is reported if it keeps records from being sent."""
    async with harness(orders=FakeControl(RateOrder(GIVEN, 0.01)), partition_counts=dict) as it:
        await until("it is told", lambda: any(one and one.bound_by == ("rate",) for one in reports(it)))


async def test_a_pace() -> None:
    """The pace that the partner's refusals have taught is reported as such, and not as a rate."""
    async with harness() as it:
        it.gate.pace.resume(it.time.monotonic())
        it.source.assign(it.first)
        it.write(0, 1)
        await until("it is told", lambda: any(one and one.bound_by == ("pace",) for one in reports(it)))


async def test_a_topic_that_refuses() -> None:
    """A report that can't be written stops nothing."""
    it = harness()
    it.publisher.refused.add(CONTROL)
    async with it:
        it.source.assign(it.first)
        it.write(0)
        await it.committed(1)
        await goes_round(it.runner._self_report, "write")
        assert reports(it) == []


async def test_without_members() -> None:
    """A worker without client ids writes no report."""
    async with Harness(control=CONTROL) as it:
        it.kafka.create(CONTROL)
        await goes_round(it.runner._self_report, "write")
        assert reports(it) == []


async def test_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker says that it starts before it looks a second time."""
    monkeypatch.setattr(self_report, "LOOK_SECONDS", 600.0)
    async with harness() as it:
        await until("it is told", lambda: bool(reports(it)))
        assert (first := reports(it)[0]) is not None
        assert first.is_starting(it.time.now())


async def test_a_start() -> None:
    """What every start lacks for a while is reported as starting, with when it began, until it is ready."""
    it = harness(copies=ids())
    it.follower.gate.clear()
    async with it:
        began = it.time.now()
        await until("joining", lambda: any("not been joined" in line for line in not_ready(it)))
        it.time.advance(4.0)
        it.source.assign(it.first)
        await until("warming", lambda: any(line.startswith("warming") for line in not_ready(it)))
        assert [one and one.starts for one in reports(it)] == [began] * len(reports(it))
        it.follower.gate.set()
        await until("ready", lambda: not not_ready(it))
        assert (last := reports(it)[-1]) is not None
        assert last.starts is None


async def test_what_no_start_takes() -> None:
    """Anything else that keeps a worker from its work is not reported as starting."""
    async with harness(copies=ids()) as it:
        it.source.assign(it.first)
        await until("ready", lambda: bool(reports(it)) and not not_ready(it))
        it.follower.fail("the broker is away")
        await until("it is told", lambda: bool(not_ready(it)))
        assert (last := reports(it)[-1]) is not None
        assert (last.not_ready, last.starts) == (("warming: conversions/0: the broker is away",), None)
        it.follower.gate.set()


def not_ready(harness: Harness) -> tuple[str, ...]:
    """Why the worker is not ready, by its latest report."""
    told = reports(harness)
    return told[-1].not_ready if told and told[-1] else ()


async def test_daily() -> None:
    """What does not change is written again each day, which shows that its writer lives."""
    async with harness() as it:
        it.source.assign(it.first)
        await until("a report", lambda: any(one and not one.not_ready for one in reports(it)))
        before = reports(it)
        it.time.advance(AGAIN_AFTER_SECONDS)
        await until("it is written again", lambda: len(reports(it)) > len(before))
        (again,) = reports(it)[len(before) :]
        assert again is not None
        assert again.says_the_same(before[-1])
        assert again.at == it.time.now()
