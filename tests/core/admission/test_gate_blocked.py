"""What is blocked on this side, for descriptors or an address, is no failure of the partner's."""

from __future__ import annotations

from tests.core.admission.answers import POLICY, RULES, VERDICTS, answer, some
from worker.core.admission.circuit import CircuitState
from worker.core.admission.gate import Gate
from worker.core.answer import Failure, FailureKind
from worker.core.classify import classify


def test_blocked() -> None:
    """A request that was never made counts as none, and stops everything until a probe."""
    gate = Gate(16, POLICY)
    gate.starting(100.0)
    gate.starting(100.0)
    assert gate.ended(VERDICTS["blocked"], some(), 100.0, 100.0, 0.0) is False
    assert gate.ended(VERDICTS["blocked"], some(), 100.0, 100.0, 0.0) is False
    assert (gate.admits(100.9), gate.admits(101.0)) == (False, True)
    assert answer(gate, "blocked", 101.0) == [False]
    assert (gate.admits(102.9), gate.admits(103.0)) == (False, True)


def test_a_straggler_that_was_blocked_is_no_probe() -> None:
    """A request from before the pause that could not be made leaves the probe under way alone."""
    gate = Gate(16, POLICY)
    for _ in range(5):
        gate.starting(100.0)
    for _ in range(4):
        gate.ended(VERDICTS["down"], some(), 100.0, 100.0, 0.0)
    gate.starting(101.0)
    gate.ended(VERDICTS["blocked"], some(), 100.0, 101.1, 0.0)
    assert gate.circuit.state is CircuitState.HALF_OPEN


def test_a_shortage() -> None:
    """A request that this machine could not make lowers the limit to what goes on, and opens nothing."""
    short = classify(Failure(FailureKind.DESCRIPTORS, "too few"), RULES, 0.0)
    gate = Gate(16, POLICY)
    for _ in range(6):
        gate.starting(1.0)
    assert not gate.ended(short, some(), 1.0, 2.0, 0.0)
    assert (gate.limit.value, gate.in_flight, gate.circuit.state) == (5, 5, CircuitState.CLOSED)
    assert not gate.admits(2.0)


def test_a_shortage_in_an_outage() -> None:
    """A probe that this machine could not make says nothing of the partner: the next may go at once."""
    short = classify(Failure(FailureKind.DESCRIPTORS, "too few"), RULES, 0.0)
    gate = Gate(16, POLICY)
    answer(gate, "down", 1.0, times=4)
    assert gate.circuit.state is CircuitState.OPEN
    probe_at = gate.wake_at()
    assert probe_at is not None
    gate.starting(probe_at)
    assert not gate.ended(short, some(), probe_at, probe_at + 1.0, 0.0)
    assert gate.circuit.state is CircuitState.OPEN
    assert gate.admits(probe_at + 1.0)
