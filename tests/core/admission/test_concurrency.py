"""The adaptive limit: within its bounds, lowered by answers alone, once a round trip."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.admission.concurrency import ConcurrencyLimit


def round_trip(limit: ConcurrencyLimit, now: float, *, failed: float = 0.0) -> None:
    """Answer a whole round of requests, these shares of them badly, each followed by the next request."""
    count = limit.value
    for index in range(count):
        if index < failed * count:
            limit.failed(now - 0.1, now)
        else:
            limit.took(limit.value, now)


def grown(most: int = 256) -> tuple[ConcurrencyLimit, float]:
    """Return a limit that has found the most, and the time."""
    limit, now = ConcurrencyLimit(most), 100.0
    while limit.value < most:
        now += 0.1
        limit.took(most, now)
    return limit, now


steps = st.lists(
    st.tuples(
        st.sampled_from(["took", "idle", "failed", "restart"]),
        st.integers(1, 60),
        st.floats(0, 1),
    ),
    max_size=60,
)


@given(st.integers(1, 300), steps)
def test_any_answers(most: int, steps: list[tuple[str, int, float]]) -> None:
    """Whatever is answered, at least one request may go and never more than the most."""
    limit, now = ConcurrencyLimit(most), 100.0
    for what, times, gap in steps:
        for _ in range(times):
            now += gap
            before = limit.value
            if what == "took":
                limit.took(limit.value, now)
                assert limit.value >= before, "a success lowered it"
            elif what == "idle":
                limit.took((limit.value - 1) // 2, now)
                assert limit.value == before, "it grew unused"
            elif what == "restart":
                limit.restart()
            else:
                limit.failed(now - gap, now)
                assert limit.value <= before, "a failure raised it"
            assert 1 <= limit.value <= most


@pytest.mark.parametrize("most", [1, 4, 16])
def test_starts_within_the_most(most: int) -> None:
    """A small most is where it starts."""
    assert ConcurrencyLimit(most).value == most


def test_finds_a_fast_partner() -> None:
    """At the start it doubles each round trip, where that is a quarter of a second or more."""
    limit, values = ConcurrencyLimit(256), []
    for number in range(5):
        values.append(limit.value)
        for part in range(10):
            for _ in range(limit.value):
                limit.took(limit.value, 100.0 + number + part / 10)
    assert values[1] >= 32
    assert values[4] == 256


def test_a_short_round_trip_is_no_reason() -> None:
    """It doubles no faster than each quarter of a second, however fast the partner is."""
    limit = ConcurrencyLimit(10_000)
    for number in range(1_000):
        limit.took(10_000, 100.0 + number / 1_000)
    assert 16 * 8 <= limit.value <= 16 * 2**4.5


def test_latency_alone_never_lowers_it() -> None:
    """However slow the answers of a partner that takes what it gets, the limit stays."""
    limit, now = grown()
    for _ in range(20):
        now += 60.0
        round_trip(limit, now)
    assert limit.value == 256


def cut() -> tuple[ConcurrencyLimit, float]:
    """Return a limit that many failures have just lowered, and the time."""
    limit, now = grown()
    while limit.value == 256:
        now += 0.2
        for _ in range(50):
            limit.failed(now - 0.1, now)
    return limit, now


def test_one_round_lowers_it_once() -> None:
    """Failures of requests from before a cut lower it no further; it is by a half at most."""
    limit, now = cut()
    lowered = limit.value
    assert lowered >= 128
    for _ in range(1_000):
        limit.failed(now - 0.1, now + 0.1)
    assert limit.value == lowered


def test_steady_failures_are_no_load() -> None:
    """A small share of failures that is always there does not lower it."""
    limit, now = grown()
    for _ in range(50):
        now += 0.1
        round_trip(limit, now, failed=0.1)
    assert limit.value == 256


def test_many_failures_lower_it() -> None:
    """Failures that are many and more than usual lower it."""
    limit, now = grown()
    for _ in range(4):
        now += 0.1
        round_trip(limit, now, failed=0.9)
    assert limit.value < 256


def test_slow_failures_that_come_together() -> None:
    """Timeouts that all end at once are weighed by what was taken while they lasted."""
    limit, now = grown()
    for _ in range(100):
        now += 0.1
        for _ in range(5):
            limit.took(256, now)
    for _ in range(60):
        limit.failed(now - 9.9, now)
    assert limit.value == 256


def test_it_comes_back_after_a_cut() -> None:
    """Once the partner takes everything again the limit finds its way back to the most."""
    limit, now = cut()
    for _ in range(600):
        now += 0.1
        round_trip(limit, now)
    assert limit.value == 256


def test_after_an_outage() -> None:
    """After an outage it begins with two requests, and finds its way back to the most."""
    limit, now = grown()
    limit.restart()
    assert limit.value == 2
    for _ in range(600):
        now += 0.1
        round_trip(limit, now)
    assert limit.value == 256


def test_no_room() -> None:
    """Where this machine opens no more, the limit is what is in flight, one at least, and rises by time."""
    limit, now = grown()
    limit.no_room(20)
    assert limit.value == 20
    limit.no_room(30)
    assert limit.value == 20
    for _ in range(50):
        now += 0.1
        limit.took(limit.value, now)
    assert limit.value > 30
    limit.no_room(0)
    assert limit.value == 1
