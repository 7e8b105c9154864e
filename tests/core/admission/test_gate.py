"""The gate: limit, circuit, rate and pauses together, and what an outage costs: no attempt."""

from __future__ import annotations

from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.admission.answers import POLICY, VERDICTS, answer, some
from tests.core.examples import make_partition, pending_record
from worker.core.admission.circuit import CircuitState
from worker.core.admission.gate import Gate


@given(st.lists(st.tuples(st.sampled_from(["bad event", "terminal", "ok"]), st.floats(0, 1)), max_size=100))
def test_bad_events_never_open_it(ends: list[tuple[str, float]]) -> None:
    """However many events are bad and however fast, the circuit stays closed and every attempt counts."""
    gate, now = Gate(4, POLICY), 100.0
    for name, gap in ends:
        now += gap
        assert gate.admits(now)
        assert answer(gate, name, now) == [True]


@pytest.mark.parametrize("name", ["down", "timeout", "too many", "hold"])
def test_an_outage_uses_up_no_attempts(name: str) -> None:
    """The failures until it opens count, the one that opens it and those after it do not."""
    gate = Gate(16, POLICY)
    for _ in range(6):
        gate.starting(100.0)
    ended = [gate.ended(VERDICTS[name], some(), 100.0, 100.5, 0.0) for _ in range(6)]
    assert ended == [True, True, True, False, False, False]
    assert not gate.admits(100.5)


def test_a_probe_that_fails_does_not_count() -> None:
    """Probe after probe fails, and none of them uses up an attempt."""
    gate, now = Gate(16, POLICY), 100.0
    answer(gate, "down", now, times=POLICY.min_failures)
    for _ in range(10):
        wake_at = gate.wake_at()
        assert wake_at is not None
        now = wake_at
        assert answer(gate, "down", now) == [False]


def test_a_bad_event_closes_it() -> None:
    """An answer to a probe that speaks of the event alone shows that the partner is there; it counts."""
    gate = Gate(16, POLICY)
    answer(gate, "down", 100.0, times=POLICY.min_failures)
    assert answer(gate, "bad event", 101.0) == [True]
    assert gate.circuit.state is CircuitState.CLOSED


def test_after_an_outage_it_begins_with_few() -> None:
    """When a probe succeeds two requests go at a time, paced, then more and faster."""
    gate, now = Gate(16, POLICY), 101.0
    answer(gate, "down", 100.0, times=POLICY.min_failures)
    answer(gate, "ok", now)
    assert gate.limit.value == 2
    starts = []
    while now < 104.0:
        now += 0.01
        if gate.admits(now):
            gate.starting(now)
            starts.append(now)
            assert not gate.admits(now)
            gate.ended(VERDICTS["ok"], some(), now, now, 0.0)
    gaps = [later - before for before, later in pairwise(starts)]
    assert gaps[0] >= 0.18
    assert gaps[-1] <= 0.06


def test_what_a_probe_soon_ends_was_no_outage() -> None:
    """When a probe succeeds within a second two requests go at a time, at whatever pace there was."""
    gate = Gate(16, POLICY)
    answer(gate, "down", 100.0, times=POLICY.min_failures)
    answer(gate, "ok", 100.9)
    assert (gate.limit.value, gate.pace.per_second) == (2, inf)
    answer(gate, "down", 101.0, times=POLICY.min_failures)
    answer(gate, "ok", 102.0)
    assert gate.pace.per_second < inf


def test_what_hangs_since_an_outage_takes_no_room() -> None:
    """Requests left from before take up no room after the outage, and their failures use up no attempt."""
    gate = Gate(16, POLICY)
    for _ in range(16):
        gate.starting(100.0)
    for _ in range(4):
        gate.ended(VERDICTS["timeout"], some(), 100.0, 110.0, 0.0)
    answer(gate, "ok", 111.0)
    assert (gate.in_flight, gate.limit.value) == (12, 2)
    assert gate.admits(112.0)
    assert not gate.ended(VERDICTS["timeout"], some(), 100.0, 112.0, 0.0)
    assert gate.in_flight == 11


def test_probes_need_no_room() -> None:
    """A probe may start while more hang than the limit allows."""
    gate = Gate(4, POLICY)
    for _ in range(8):
        gate.starting(100.0)
    for _ in range(4):
        gate.ended(VERDICTS["timeout"], some(), 100.0, 110.0, 0.0)
    assert gate.in_flight == 4
    assert gate.admits(111.0)


def test_occupied() -> None:
    """Lanes are occupied by the requests in flight while it is closed, and by none for a probe."""
    gate = Gate(16, POLICY)
    for _ in range(6):
        gate.starting(100.0)
    assert gate.occupied == 6
    for _ in range(4):
        gate.ended(VERDICTS["down"], some(), 100.0, 101.0, 0.0)
    assert (gate.circuit.state, gate.occupied, gate.in_flight) == (CircuitState.OPEN, 2, 2)
    assert gate.probes(102.0)


def test_one_partition_has_few_votes() -> None:
    """A partition that fails beside others that are answered opens nothing, and lowers no limit."""
    gate, poisoned, now = Gate(16, POLICY), make_partition(1), 100.0
    for _ in range(500):
        for name, partition in (("ok", make_partition()), *[("down", poisoned)] * 3):
            now += 0.01
            gate.starting(now)
            assert gate.ended(VERDICTS[name], pending_record(partition, 7), now, now, 0.0)
            partition.note(failed=name == "down", many=16)
    assert gate.circuit.state is CircuitState.CLOSED
    assert gate.limit.value == 16


def test_a_probe_that_costs() -> None:
    """Of one partition alone probes that get 500 cost attempts after some seconds, and ask more often."""
    gate, partition = Gate(16, POLICY), make_partition()
    partition.waiting.extend(pending_record(partition, offset) for offset in range(1_000))
    for _ in range(POLICY.min_failures):
        gate.starting(100.0)
        gate.ended(VERDICTS["down"], partition.waiting[0], 100.0, 100.0, 0.0)
    cost = []
    while (at := gate.wake_at()) is not None and at < 160.0:
        gate.starting(at)
        pending = partition.waiting.popleft()
        if gate.ended(VERDICTS["down"], pending, at, at + 0.02, 0.0):
            cost.append(at - 100.0)
        else:
            partition.waiting.append(pending)
    assert cost[0] >= 2.9
    assert len(cost) >= 250


def test_rate() -> None:
    """With a rate, requests start one interval apart, whatever else is free."""
    gate = Gate(16, POLICY, rate=2.0)
    gate.starting(100.0)
    gate.starting(100.0)
    assert not gate.admits(100.0)
    assert gate.wake_at() == 100.5
    assert gate.admits(100.5)


def test_full() -> None:
    """While as many are in flight as may be, only an answer admits the next."""
    gate = Gate(1, POLICY)
    gate.starting(100.0)
    assert gate.wake_at() is None
    assert not gate.admits(1e9)
    gate.abandoned(100.0)
    assert gate.admits(100.0)


def test_a_limit_that_is_lowered() -> None:
    """A limit below the most that is reached is told from lanes that are all busy, and from room."""
    gate = Gate(2, POLICY)
    gate.starting(100.0)
    gate.starting(100.0)
    assert not gate.admits(100.0)
    assert not gate.is_lowered()
    gate.limit.value = 1
    assert gate.is_lowered()
    gate.abandoned(100.0)
    gate.abandoned(100.0)
    assert not gate.is_lowered()


def test_pace_and_rate_bound_what_may_start() -> None:
    """The lower of pace and rate says how many may start in a second; without either there is no bound."""
    assert Gate(16, POLICY).most_per_second == inf
    gate = Gate(16, POLICY, 20.0)
    assert gate.most_per_second == 20.0
    gate.pace.per_second = 5.0
    assert gate.most_per_second == 5.0


def test_a_share_of_a_rate() -> None:
    """Of a rate that is shared the first start waits for a whole interval; no share starts nothing."""
    gate = Gate(8, POLICY)
    gate.limit_to(10.0, 0.5, 100.0)
    assert gate.most_per_second == 5.0
    assert not gate.admits(100.0)
    assert gate.admits(100.21)
    gate.limit_to(10.0, 0.0, 100.3)
    assert not gate.admits(10_000.0)
    gate.limit_to(None, 0.0, 100.4)
    assert gate.admits(100.4)


@pytest.mark.parametrize(("failing", "mixed"), [(True, True), (True, False), (False, True)])
def test_refusals_of_a_failing_partition(failing: bool, mixed: bool) -> None:
    """A "too many" lowers the pace, but from a failing partition while probes of others are answered."""
    gate, pending = Gate(16, POLICY._replace(min_failures=99)), some()
    pending.partition.failing = failing
    if mixed:
        gate.probing.answered(100.0)
    for _ in range(10):
        gate.starting(100.0)
        gate.ended(VERDICTS["too many"], pending, 100.0, 100.0, 0.0)
    assert (gate.most_per_second == float("inf")) is (failing and mixed)


def test_too_many_has_a_vote() -> None:
    """A "too many" of a partition that has lost its vote opens the circuit all the same."""
    gate, pending = Gate(16, POLICY), some()
    pending.partition.failures = 16
    for _ in range(POLICY.min_failures):
        gate.starting(100.0)
        gate.ended(VERDICTS["too many"], pending, 100.0, 100.0, 0.0)
    assert gate.circuit.state is CircuitState.OPEN
