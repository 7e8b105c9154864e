"""Which attempts are traced, and how that is found out."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.test_tracing import CONTEXT, PARENT
from worker.core.sampling import Sampling, asks_for_none, left_out, traceparent_of
from worker.core.tracing import TRACEPARENT, SpanContext, context_of

NOT_SAMPLED = CONTEXT._replace(is_sampled=False)


@pytest.mark.parametrize(
    ("context", "on_tier", "share", "traced"),
    [
        (None, False, 1.0, True),
        (None, False, 0.0, False),
        (None, True, 1.0, False),
        (CONTEXT, False, 0.0, True),
        (CONTEXT, True, 0.0, True),
        (NOT_SAMPLED, False, 1.0, False),
        (NOT_SAMPLED, True, 1.0, False),
    ],
)
def test_what_is_traced(context: SpanContext | None, on_tier: bool, share: float, traced: bool) -> None:
    """A context decides; without one chance does, once: on a tier it was decided before."""
    assert Sampling(share, lambda: 0.5).is_traced(context, on_tier) is traced


@given(st.lists(st.floats(0.0, 1.0, exclude_max=True), min_size=5, max_size=5), st.floats(0.02, 0.9))
def test_how_many(chances: list[float], share: float) -> None:
    """Between traced ones as many are left out as chance says; what has a context is not counted."""
    dice = iter([*chances, 0.0])
    sampling = Sampling(share, lambda: next(dice))
    seen = []
    for chance in chances:
        before = 0
        while not sampling.is_traced(None, on_tier=False):
            assert sampling.is_traced(CONTEXT, on_tier=False)
            before += 1
        seen.append(before == left_out(share, chance))
    assert all(seen)


@pytest.mark.parametrize(
    ("share", "chance", "count"),
    [
        (1.0, 0.99, 0),
        (0.0, 0.0, sys.maxsize),
        (5e-324, 0.5, sys.maxsize),
        (0.01, 0.0, 0),
        (0.01, 0.00999, 0),  # one in a hundred is traced at once
        (0.01, 0.01001, 1),
        (0.01, 0.5, 68),
        (0.5, 0.5, 1),
    ],
)
def test_left_out(share: float, chance: float, count: int) -> None:
    """One more is left out with the chance that it is not traced, and so on."""
    assert left_out(share, chance) == count


def test_the_share() -> None:
    """Of many conversions as large a share is traced as is asked for."""
    steps = 2_000
    gaps = [left_out(0.01, (step + 0.5) / steps) for step in range(steps)]
    assert steps / (sum(gaps) + steps) == pytest.approx(0.01, rel=0.01)


@given(
    st.one_of(
        st.sampled_from([PARENT, PARENT[:-1] + b"0", PARENT[:-1] + b"2", b"01" + PARENT[2:-1] + b"0"]),
        st.builds(
            lambda version, trace, span, flags: f"{version}-{trace}-{span}-{flags}".encode(),
            st.sampled_from(["00", "01", "ff", "0"]),
            st.sampled_from(["0" * 32, "4b" * 16, "4B" * 16, "4b"]),
            st.sampled_from(["0" * 16, "1f" * 8]),
            st.sampled_from(["00", "01", "02", "fe", "ff", "00-more", "0"]),
        ),
    )
)
def test_a_glance(parent: bytes) -> None:
    """What a glance takes for a context without spans is read as one; none of the first version is missed."""
    read = context_of([(TRACEPARENT, parent)])
    assert asks_for_none(parent) == (read is not None and not read.is_sampled and parent.startswith(b"00"))


def test_which_header() -> None:
    """Of headers that repeat the last counts."""
    assert traceparent_of([("own", b"x")]) is None
    assert traceparent_of([(TRACEPARENT, b"1"), ("own", b"x"), (TRACEPARENT, b"2")]) == b"2"
