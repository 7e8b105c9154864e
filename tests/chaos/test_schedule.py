"""A seed is a run: the same faults at the same times, and every kind of them."""

from __future__ import annotations

import pytest

from tests.chaos.run import LONG, SHORT
from tests.chaos.schedule import KINDS, deal


def test_a_seed_repeats() -> None:
    """The same seed deals the same faults, another seed others."""
    assert deal(7, LONG, 3, short=False) == deal(7, LONG, 3, short=False)
    assert deal(7, LONG, 3, short=False) != deal(8, LONG, 3, short=False)


@pytest.mark.parametrize("first", range(4))
def test_every_kind_comes(first: int) -> None:
    """Any three long runs in a row have every kind of fault, in the order of their times, within the time."""
    runs = [deal(seed, LONG, 3, short=False) for seed in range(first, first + 3)]
    assert {fault.kind for faults in runs for fault in faults} == set(KINDS)
    for faults in runs:
        assert [fault.at for fault in faults] == sorted(fault.at for fault in faults)
        assert all(0 <= fault.at <= LONG and fault.slot in range(3) for fault in faults)


def test_twelve_seeds_are_enough() -> None:
    """Twelve long runs kill workers 40 times at least, and stop workers and restart brokers 12 times."""
    kinds = [fault.kind for seed in range(12) for fault in deal(seed, LONG, 3, short=False)]
    assert kinds.count("kill") >= 40
    assert kinds.count("stop") >= 12
    assert kinds.count("broker kill") + kinds.count("broker restart") >= 12


def test_a_short_run_is_short() -> None:
    """A short run has the faults that matter most, within its time."""
    faults = deal(1, SHORT, 3, short=True)
    assert {"kill", "stop", "term", "broker kill", "outage"} <= {fault.kind for fault in faults}
    assert faults[-1].at <= SHORT
