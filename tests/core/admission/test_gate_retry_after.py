"""The gate on a Retry-After: whom it pauses, and for how long."""

from __future__ import annotations

import pytest

from tests.core.admission.answers import POLICY, RULES, VERDICTS, some
from worker.core.admission.circuit import CircuitState
from worker.core.admission.gate import Gate
from worker.core.admission.retry_after import MAX_RETRY_AFTER_SECONDS
from worker.core.answer import Response
from worker.core.classify import classify


def test_a_long_hold_opens_it() -> None:
    """A Retry-After beyond the longest hold opens the circuit; the answer that said so counts."""
    gate = Gate(16, POLICY)
    gate.starting(100.0)
    assert gate.ended(classify(Response(503, "3600"), RULES, 0.0), some(), 100.0, 100.1, 0.0)
    assert gate.circuit.state is CircuitState.OPEN
    asked = probes_until(gate, 100.1 + MAX_RETRY_AFTER_SECONDS, "hold for an hour")
    assert [at - 100.1 for at in asked] == pytest.approx([1.0, 3.0, 7.0])


@pytest.mark.parametrize(("asked", "held"), [("3", 3.0), ("86400", MAX_RETRY_AFTER_SECONDS)])
def test_hold(asked: str, held: float) -> None:
    """A Retry-After on 429 or 503 holds every request back, for a minute at most."""
    gate = Gate(16, POLICY)
    gate.starting(100.0)
    assert gate.ended(classify(Response(429, asked), RULES, 0.0), some(), 100.0, 100.0, 0.0)
    probes = probes_until(gate, 100.0 + held, "down")
    assert probes == [at for at in (101.0, 103.0, 107.0) if at < 100.0 + held], "and it is asked meanwhile"
    if held < MAX_RETRY_AFTER_SECONDS:
        assert gate.wake_at() == 100.0 + held


def test_a_shorter_hold_does_not_shorten() -> None:
    """Of several holds the longest counts."""
    gate = Gate(16, POLICY)
    gate.starting(100.0)
    gate.starting(100.0)
    for asked in ("30", "3"):
        gate.ended(classify(Response(429, asked), RULES, 0.0), some(), 100.0, 100.0, 0.0)
    probes_until(gate, 107.5, "down")
    assert gate.wake_at() == 130.0


def probes_until(gate: Gate, until: float, name: str) -> list[float]:
    """Fail each probe that is admitted before then, nothing being admitted earlier; return when they were."""
    asked = []
    while (at := gate.wake_at()) is not None and at < until:
        assert not gate.admits(at - 0.01)
        assert gate.admits(at)
        gate.starting(at)
        gate.ended(VERDICTS[name], some(), at, at, 0.0)
        asked.append(at)
    return asked


@pytest.mark.parametrize("asked", ["60", "86400"])
def test_a_hold_for_one_record_alone(asked: str) -> None:
    """A probe that is taken ends the hold, the pace is as before, and the next refusals hold nothing."""
    gate, told = Gate(16, POLICY), classify(Response(429, asked), RULES, 0.0)
    gate.starting(100.0)
    assert gate.ended(told, some(), 100.0, 100.05, 0.0), "its own attempt, and its tier's delay"
    gate.starting(101.05)
    gate.ended(VERDICTS["ok"], some(), 101.05, 101.1, 0.0)
    assert gate.circuit.state is CircuitState.CLOSED
    assert asked == "86400" or gate.most_per_second == float("inf")
    now = 120.0
    for _ in range(40):
        gate.starting(now)
        assert gate.ended(told, some(), now, now + 0.05, 0.0)
        assert not gate.probes(now + 0.05)
        for _ in range(99):
            gate.starting(now + 0.06)
            gate.ended(VERDICTS["ok"], some(), now + 0.06, now + 0.1, 0.0)
        now += 0.6


def test_a_hold_that_becomes_meant_for_all() -> None:
    """After holds for one record alone, one is believed where nothing that began after it is taken."""
    gate, told = Gate(16, POLICY._replace(min_failures=99)), classify(Response(429, "30"), RULES, 0.0)
    gate.starting(100.0)
    gate.ended(told, some(), 100.0, 100.0, 0.0)
    gate.starting(101.0)
    gate.ended(VERDICTS["ok"], some(), 101.0, 101.0, 0.0)
    for now in (102.0, 102.4, 102.6):
        assert not gate.probes(now)
        gate.starting(now)
        gate.ended(told, some(), now, now, 0.0)
    assert gate.probes(103.0)


def test_what_was_in_flight_shows_nothing() -> None:
    """What began before the refusal, or after the time that was asked for, ends no hold when it is taken."""
    gate = Gate(16, POLICY)
    gate.starting(100.0)
    gate.starting(100.0)
    gate.ended(VERDICTS["hold"], some(), 100.0, 100.1, 0.0)
    gate.ended(VERDICTS["ok"], some(), 100.0, 100.2, 0.0)
    assert gate.probes(100.3)
    gate.starting(103.2)
    gate.ended(VERDICTS["ok"], some(), 103.2, 103.3, 0.0)
    gate.starting(104.0)
    gate.ended(VERDICTS["hold"], some(), 104.0, 104.1, 0.0)
    assert gate.probes(104.2), "nothing showed that the first was not meant for all"
