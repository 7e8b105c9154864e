"""Why nothing is sent."""

from __future__ import annotations

from tests.core.admission.answers import POLICY, VERDICTS, answer, some
from worker.core.admission.gate import Gate
from worker.core.admission.held import HeldReason, held

NOW = 100.0


def why(
    gate: Gate, now: float = NOW, *, paused: bool = False, fenced: bool = False, blocked: bool = False
) -> set[str]:
    """The reasons, as the gauge names them."""
    return set(held(gate, now, paused=paused, fenced=fenced, blocked=blocked))


def test_nothing_happened() -> None:
    """Where a record may go there is no reason, though the limit is reached."""
    gate = Gate(1, POLICY, 10.0)
    assert why(gate) == set()
    gate.starting(NOW)
    assert why(gate, NOW + 1) == set()
    assert not gate.admits(NOW + 1)


def test_rate() -> None:
    """Until the next start is due it is the rate, and no longer."""
    gate = Gate(4, POLICY, 1.0)
    gate.starting(NOW)
    gate.starting(NOW)  # one late start is made up for
    assert why(gate, NOW) == {"rate"}
    assert why(gate, NOW + 1) == set()


def test_pause() -> None:
    """A pause is a reason, whatever else is."""
    assert why(Gate(8, POLICY), paused=True) == {"pause"}


def test_circuit() -> None:
    """An open circuit is the reason until a probe is taken, a half-open one too."""
    gate = Gate(8, POLICY)
    answer(gate, "down", NOW, times=4)
    assert why(gate) == {"circuit"}
    gate.starting(NOW + 1)
    assert why(gate, NOW + 1) == {"circuit"}
    gate.ended(VERDICTS["ok"], some(), NOW + 1, NOW + 1, 0.0)
    assert why(gate, NOW + 2) == set()


def test_retry_after() -> None:
    """What a partner asks for is the reason until then."""
    gate = Gate(8, POLICY)
    answer(gate, "hold", NOW)
    assert "retry_after" in why(gate)
    assert "retry_after" not in why(gate, NOW + 3)


def test_pace() -> None:
    """A pace that refusals taught is a rate: nothing starts before its next turn."""
    gate = Gate(8, POLICY)
    answer(gate, "ok", NOW, times=8)
    answer(gate, "too many", NOW, times=4)
    assert why(gate) == {"rate"}
    assert why(gate, gate.paced_until) == set()


def test_commits() -> None:
    """While no request may be started for commits' sake, they are the reason."""
    assert why(Gate(8, POLICY), fenced=True) == {"commits"}


def test_egress() -> None:
    """A forbidden address opens the circuit, and is the one reason."""
    gate = Gate(8, POLICY)
    answer(gate, "blocked", NOW)
    assert why(gate, blocked=True) == {"egress"}


def test_names() -> None:
    """The reasons are those that the contract has, as far as there is something to each."""
    reasons = {"pause", "circuit", "rate", "retry_after", "commits", "egress", "warming"}
    assert {one.value for one in HeldReason} == reasons
