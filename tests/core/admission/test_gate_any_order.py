"""The gate, whatever happens in whatever order."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.core.admission.answers import POLICY, VERDICTS
from tests.core.examples import make_partition, pending_record
from worker.core.admission.circuit import CircuitState
from worker.core.admission.gate import Gate
from worker.core.admission.held import held
from worker.core.classify import AnswerKind


class Traffic(RuleBasedStateMachine):
    """Requests that start when the gate admits them and end in any order, in any way."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate(4, POLICY, 20.0)
        self.now = 100.0
        self.flying: list[tuple[float, bool]] = []
        """When each request in flight started, and whether it is a probe."""
        self.closed_at = 0.0
        self.asked = 0
        """How many were started since everything was held back."""
        self.partitions = [make_partition(number) for number in range(3)]

    @property
    def state(self) -> CircuitState:
        return self.gate.circuit.state

    @rule()
    def start(self) -> None:
        """Start a request if one is admitted: never too many, held back, or early."""
        self.now += 1e-6  # none starts at the very moment at which another ends
        if not self.gate.admits(self.now):
            return
        held = self.gate.probes(self.now) and self.state is CircuitState.CLOSED
        self.asked = self.asked + 1 if held else 0
        assert self.asked <= 3, "a partner that means all is left alone"
        probe_at = self.gate.circuit.wake_at()
        probe = self.state is not CircuitState.CLOSED
        if probe:
            assert probe_at is not None
            assert self.now >= probe_at
        else:
            assert sum(started > self.closed_at for started, _ in self.flying) < self.gate.limit.value
        self.gate.starting(self.now)
        self.flying.append((self.now, probe))
        assert not probe or not self.gate.admits(self.now)

    @precondition(lambda self: self.flying)
    @rule(
        name=st.sampled_from([name for name in VERDICTS if name not in {"blocked", "hold for an hour"}]),
        data=st.data(),
        jitter=st.floats(0, 1),
    )
    def end(self, name: str, data: st.DataObject, jitter: float) -> None:
        """End any request: a failure for the destination's sake counts while it is closed, or of a probe.

        One that began before it was closed does not count.
        """
        started, probe = self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))
        verdict, partition = VERDICTS[name], data.draw(st.sampled_from(self.partitions))
        was = self.state
        held_before = self.gate.probes(self.now)
        counts = self.gate.ended(verdict, pending_record(partition, 7), started, self.now, jitter)
        partition.note(failed=verdict.kind is not AnswerKind.DELIVERED, many=16)
        if not held_before or not self.gate.probes(self.now):
            self.asked = 0
        closed = self.state is CircuitState.CLOSED
        if verdict.pressure and was is not CircuitState.CLOSED:
            assert not counts or probe
        else:
            assert counts == (not verdict.pressure or (closed and started > self.closed_at))
        if closed and was is not CircuitState.CLOSED:
            self.closed_at = self.now
        if was is CircuitState.CLOSED and not verdict.pressure:
            assert self.state is CircuitState.CLOSED

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def abandon(self, data: st.DataObject) -> None:
        """Cancel a request."""
        started, _ = self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))
        self.gate.abandoned(started)

    @rule(seconds=st.sampled_from([0.01, 0.05, 0.5, 1.0, 5.0, 12.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def in_flight_is_counted(self) -> None:
        assert self.gate.in_flight == len(self.flying)

    @invariant()
    def half_open_while_probing(self) -> None:
        """While it is half open a probe is in flight, and while it is open none of this outage is."""
        probing = any(probe for _, probe in self.flying)
        assert probing or self.state is not CircuitState.HALF_OPEN

    @invariant()
    def a_wake_up_is_never_late(self) -> None:
        """Where time alone will admit a request, the gate says when; at that time it does."""
        wake_at = self.gate.wake_at()
        if wake_at is None:
            assert not self.gate.admits(self.now + 1e6)
        elif self.gate.admits(self.now):
            assert wake_at <= self.now
        else:
            assert wake_at > self.now
            assert self.gate.admits(wake_at)

    @invariant()
    def there_is_a_reason(self) -> None:
        """Where nothing may start though there is room, it is said why; where it is not, something may."""
        reasons = held(self.gate, self.now, paused=False, fenced=False, blocked=False)
        if self.gate.occupied < self.gate.limit.value and not self.gate.admits(self.now):
            assert reasons
        if not reasons:
            assert self.gate.admits(self.now) == (self.gate.occupied < self.gate.limit.value)


TestTraffic = Traffic.TestCase
TestTraffic.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
