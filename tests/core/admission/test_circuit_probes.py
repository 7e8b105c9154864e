"""The circuit's extra probes, and what one outage leaves to the next."""

from __future__ import annotations

from tests.core.admission.test_circuit import POLICY, end, opened, record
from worker.core.admission.circuit import CircuitState


def test_an_extra_probe_puts_off_no_other() -> None:
    """A probe that was asked for starts when it should, once, and the pause before the next is as it was."""
    circuit = opened(100.0)
    circuit.ask_at(100.05)
    assert [circuit.admits(now) for now in (100.04, 100.05)] == [False, True]
    circuit.starting(100.05)
    assert not circuit.admits(100.06)
    end(circuit, True, 100.05, 100.1, 0.0)
    assert circuit.wake_at() == 101.0
    circuit.starting(101.0)
    assert circuit.wake_at() == 103.0


def test_an_outage_that_comes_back_at_once() -> None:
    """Failures count again as soon as an extra probe has closed it."""
    circuit = opened(100.0)
    circuit.ask_at(100.05)
    circuit.starting(100.05)
    end(circuit, False, 100.05, 100.1, 0.0)
    record(circuit, 100.2, failures=POLICY.min_failures - 1)
    assert circuit.wake_at() is None
    record(circuit, 100.2, failures=1)
    assert circuit.state is CircuitState.OPEN


def test_a_probe_that_hangs_since_the_last_outage() -> None:
    """A probe of the last outage is none of this one: it is open once its own probe has failed."""
    circuit = opened(100.0)
    circuit.starting(101.0)
    circuit.starting(103.0)
    end(circuit, False, 103.0, 103.1, 0.0)
    record(circuit, 103.2, failures=POLICY.min_failures)
    probe_at = circuit.wake_at() or 0.0
    circuit.starting(probe_at)
    end(circuit, True, probe_at, probe_at + 0.1, 0.0)
    assert circuit.state is CircuitState.OPEN
