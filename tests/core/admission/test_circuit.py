"""The circuit: opens by share and number or in a row, probes after longer pauses, closes with a success."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.admission.circuit import CircuitBreaker, CircuitPolicy, CircuitState

CLOSED, HALF_OPEN, OPEN = CircuitState.CLOSED, CircuitState.HALF_OPEN, CircuitState.OPEN
POLICY = CircuitPolicy(window=10.0, failure_share=0.5, min_failures=4, pause=1.0, pause_max=8.0)


def end(
    circuit: CircuitBreaker, failed: bool, started: float, now: float, jitter: float, *, alive: bool = False
) -> None:
    """End a request, well or badly."""
    if failed:
        circuit.failed(started, now, jitter, alive=alive)
    else:
        circuit.succeeded(started, now)


def record(circuit: CircuitBreaker, now: float, *, failures: int = 0, successes: int = 0) -> None:
    """End so many requests at once: the more frequent ones' excess, then by turns, a failure last."""
    pairs = min(failures, successes)
    for failed in [successes < failures] * abs(successes - failures) + [False, True] * pairs:
        end(circuit, failed, now, now, 0.0)


def opened(now: float = 100.0) -> CircuitBreaker:
    """Return a circuit that has just opened."""
    circuit = CircuitBreaker(POLICY)
    record(circuit, now, failures=POLICY.min_failures)
    assert circuit.state is OPEN
    return circuit


def probing(now: float = 100.0) -> tuple[CircuitBreaker, float]:
    """Return a circuit with a probe under way, and when that began."""
    circuit = opened(now)
    circuit.starting(now + POLICY.pause)
    assert circuit.state is HALF_OPEN
    return circuit, now + POLICY.pause


def test_gauge_numbers() -> None:
    """The states have the numbers of the gauge."""
    assert (CLOSED.value, HALF_OPEN.value, OPEN.value) == (0, 1, 2)


@pytest.mark.parametrize(
    ("failures", "successes", "state"),
    [
        (3, 0, CLOSED),
        (4, 0, OPEN),
        (4, 4, OPEN),
        (4, 5, CLOSED),
        (50, 50, OPEN),
        (50, 51, CLOSED),
    ],
)
def test_opens_by_share_and_number(failures: int, successes: int, state: CircuitState) -> None:
    """It opens when failures are both enough and a large enough share of the window."""
    circuit = CircuitBreaker(POLICY)
    record(circuit, 100.0, failures=failures, successes=successes)
    assert circuit.state is state


def test_the_window_moves_on() -> None:
    """What ended longer ago than the window counts no more, failures and successes alike."""
    circuit = CircuitBreaker(POLICY)
    record(circuit, 100.0, failures=3)
    record(circuit, 110.5, successes=1)
    record(circuit, 110.5, failures=3)
    assert circuit.state is CLOSED
    circuit = CircuitBreaker(POLICY)
    record(circuit, 100.0, successes=1_000)
    record(circuit, 110.5, failures=4)
    assert circuit.state is OPEN


def test_failures_across_the_window_add_up() -> None:
    """Failures spread over less than the window open it together."""
    circuit = CircuitBreaker(POLICY)
    for now in (100.0, 102.5, 105.0):
        record(circuit, now, failures=1)
    assert circuit.admits(107.5)
    record(circuit, 107.5, failures=1)
    assert not circuit.admits(107.5)


@given(st.lists(st.tuples(st.floats(0, 5), st.booleans()), max_size=200))
def test_rare_failures_never_open_it(ends: list[tuple[float, bool]]) -> None:
    """With fewer failures than the least number in any window, and some successes, it stays closed."""
    circuit, now, failures = CircuitBreaker(POLICY), 100.0, [float("-inf")] * (POLICY.min_failures - 1)
    for gap, failed in ends:
        now += gap
        rare = now - failures[-(POLICY.min_failures - 1)] > POLICY.window + POLICY.window / 10
        if failed and rare:
            failures.append(now)
        end(circuit, failed and rare, now, now, 0.0)
        end(circuit, False, now, now, 0.0)
        assert circuit.state is CLOSED


def test_one_probe_after_the_pause() -> None:
    """While open nothing is admitted until the pause is over, and then one request."""
    circuit = opened(100.0)
    assert circuit.wake_at() == 101.0
    assert [circuit.admits(now) for now in (100.0, 100.999, 101.0)] == [False, False, True]
    circuit.starting(101.0)
    assert circuit.state is HALF_OPEN
    assert not circuit.admits(101.0)


def test_a_probe_that_succeeds_closes_it() -> None:
    """The first success of a probe closes it, and the failures of before are forgotten."""
    circuit, began = probing()
    end(circuit, False, began, began + 0.2, 0.0)
    assert circuit.state is CLOSED
    assert circuit.wake_at() is None
    record(circuit, began + 0.3, failures=POLICY.min_failures - 1)
    assert circuit.admits(began + 0.3)


def test_pauses_double() -> None:
    """Each probe that fails doubles the pause, up to the longest; a new outage begins with the first."""
    circuit, now, pauses = opened(100.0), 100.0, []
    for _ in range(6):
        probe_at = circuit.wake_at()
        assert probe_at is not None
        pauses.append(probe_at - now)
        now = probe_at
        circuit.starting(now)
        end(circuit, True, now, now + 0.5, 0.0)
    assert pauses == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    circuit.starting(now + 8.0)
    end(circuit, False, now + 8.0, now + 8.5, 0.0)
    later = now + 9.0 + POLICY.window
    record(circuit, later, failures=POLICY.min_failures)
    assert circuit.wake_at() == later + 1.0


def test_an_outage_that_comes_back() -> None:
    """An outage that comes back within the window goes on with the pauses of the last one."""
    circuit, began = probing()
    end(circuit, False, began, began + 0.5, 0.0)
    record(circuit, began + 1.0, failures=POLICY.min_failures)
    assert circuit.wake_at() == began + 1.0 + 2.0


def test_a_probe_that_hangs_holds_up_no_other() -> None:
    """A pause counts from the start of the probe: the next one starts though the first has not ended."""
    circuit, began = probing()
    assert not circuit.admits(began + 1.9)
    assert circuit.admits(began + 2.0)
    circuit.starting(began + 2.0)
    end(circuit, True, began, began + 3.0, 0.0)
    assert circuit.state is HALF_OPEN
    end(circuit, False, began + 2.0, began + 3.5, 0.0)
    assert circuit.state is CLOSED


def test_failures_in_a_row() -> None:
    """As many failures in a row as the least number open it, however far apart, and whatever was before."""
    circuit, now = CircuitBreaker(POLICY), 100.0
    record(circuit, now, successes=10_000)
    for _ in range(POLICY.min_failures):
        assert circuit.state is CLOSED
        now += 1.0
        record(circuit, now, failures=1)
    assert circuit.state is OPEN
    circuit, now = CircuitBreaker(POLICY), 100.0
    for _ in range(POLICY.min_failures):
        assert circuit.state is CLOSED
        now += 3_600.0
        record(circuit, now, failures=1)
    assert circuit.state is OPEN


def test_a_success_ends_the_row() -> None:
    """A success between two failures begins a new row."""
    circuit = CircuitBreaker(POLICY)
    record(circuit, 100.0, successes=10_000)
    for _ in range(20):
        record(circuit, 101.0, failures=POLICY.min_failures - 1)
        record(circuit, 101.0, successes=1)
    assert circuit.state is CLOSED


def test_those_that_time_out_together() -> None:
    """Failures of requests that began before one that succeeded are no row, however many end at once."""
    circuit = CircuitBreaker(POLICY)
    record(circuit, 100.0, successes=100)
    end(circuit, False, 109.0, 109.9, 0.0)
    for _ in range(50):
        end(circuit, True, 100.0, 110.0, 0.0)
    assert circuit.state is CLOSED


def test_failures_from_before_the_end_of_an_outage() -> None:
    """A failure of a request that began before the circuit closed counts for nothing afterwards."""
    circuit, began = probing()
    end(circuit, False, began, began + 0.5, 0.0)
    for _ in range(POLICY.min_failures * 2):
        end(circuit, True, 99.0, began + 1.0, 0.0)
    assert circuit.state is CLOSED


def test_a_full_partner_is_there() -> None:
    """Refusals of a partner that is there count in the window, not in a row."""
    circuit = CircuitBreaker(POLICY)
    record(circuit, 100.0, successes=50)
    for _ in range(49):
        end(circuit, True, 100.5, 100.5, 0.0, alive=True)
    assert circuit.state is CLOSED
    end(circuit, True, 100.5, 100.5, 0.0, alive=True)
    assert circuit.state is OPEN


@given(st.floats(0, 1), st.integers(0, 4))
def test_jitter_only_lengthens(jitter: float, failed_probes: int) -> None:
    """Jitter lengthens each pause by its share of a quarter, so that several workers' probes are spread."""
    circuit, now = CircuitBreaker(POLICY), 100.0
    for _ in range(POLICY.min_failures):
        end(circuit, True, now, now, jitter)
    for _ in range(failed_probes):
        now = circuit.wake_at() or 0.0
        circuit.starting(now)
        end(circuit, True, now, now, jitter)
    pause = min(POLICY.pause * 2**failed_probes, POLICY.pause_max)
    probe_at = circuit.wake_at()
    assert probe_at is not None
    assert probe_at - now == pytest.approx(pause * (1 + jitter / 4))


@pytest.mark.parametrize("failed", [True, False])
def test_stragglers_decide_nothing(failed: bool) -> None:
    """A request from before the pause neither closes it nor lengthens the pause when it ends at last."""
    circuit = opened(100.0)
    end(circuit, failed, 99.0, 100.5, 0.0)
    assert (circuit.state, circuit.wake_at()) == (OPEN, 101.0)
    circuit.starting(101.0)
    end(circuit, failed, 99.0, 101.5, 0.0)
    assert circuit.state is HALF_OPEN


def test_an_abandoned_probe_is_made_again() -> None:
    """After a probe that was cancelled the next may start at once; a straggler that was changes nothing."""
    circuit, began = probing()
    circuit.abandon(began - 5.0)
    assert not circuit.admits(began)
    circuit.abandon(began)
    assert circuit.admits(began)


def test_trip_opens_at_once() -> None:
    """What no request can change opens it at once, with the first pause."""
    circuit = CircuitBreaker(POLICY)
    circuit.trip(100.0, 100.0, 0.0)
    assert (circuit.state, circuit.wake_at()) == (OPEN, 101.0)


def test_trip_while_probing() -> None:
    """A probe that could not be made doubles the pause."""
    circuit, began = probing()
    circuit.trip(began, began, 0.0)
    assert (circuit.state, circuit.wake_at()) == (OPEN, began + 2.0)


def test_trip_while_open() -> None:
    """Those that could not be made while it is open change nothing."""
    circuit = opened(100.0)
    circuit.trip(99.0, 100.7, 0.0)
    assert (circuit.state, circuit.wake_at()) == (OPEN, 101.0)


def test_a_long_quiet_time_is_not_kept() -> None:
    """What is remembered does not grow with a day of successes."""
    circuit = CircuitBreaker(POLICY)
    for second in range(86_400):
        end(circuit, False, float(second), float(second), 0.0)
    assert len(circuit._buckets) <= 11
