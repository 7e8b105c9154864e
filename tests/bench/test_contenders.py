"""The contenders of `make bench` do the same work."""

from __future__ import annotations

import pytest

from tests.bench import go_peer
from tests.bench.contenders import CONTENDERS
from tests.bench.rounds import make_case, run_case
from tests.bench.world import Backlog, stamping_sink
from tests.support.kafka import committed

pytestmark = [pytest.mark.kafka, pytest.mark.process]

EVENTS = 300
COUNTED = ("raw", "bare", "worker", "script-batch", "script-tasks", "script-one")
STREAMS = ("faststream-batch", "faststream-many", "faststream-one")


@pytest.fixture(scope="module")
def backlog(kafka: str) -> Backlog:
    """A few events, for each contender anew."""
    return Backlog.make(kafka, 2, EVENTS)


@pytest.mark.parametrize(
    "name", [*COUNTED, *STREAMS, "no-guarantee", pytest.param("go", marks=pytest.mark.long)]
)
def test_every_contender_sends_each_event(name: str, backlog: Backlog) -> None:
    """The partner hears of every event, and what it cost is told."""
    if CONTENDERS[name].is_go and (why := go_peer.missing()) is not None:
        pytest.skip(why)
    share = CONTENDERS[name].share
    with stamping_sink() as (to, ask):
        case = make_case(name, name, to, backlog, int(EVENTS / share), name, concurrency=16)
        backlog.make_tiers(case.job.group)
        cost = run_case(case)
        stamps = ask()
    assert sorted(stamps) == list(range(EVENTS))
    assert cost["events"] >= EVENTS
    assert cost["cpu_us"] > 0
    assert cost["rss_mb"] > 1


@pytest.mark.parametrize(("name", "counts"), [("worker", EVENTS), ("no-guarantee", 0)])
def test_without_the_guarantee_nothing_is_committed(name: str, counts: int, backlog: Backlog) -> None:
    """The variant that is measured beside the worker commits nothing; the worker commits all."""
    with stamping_sink() as (to, _):
        case = make_case(name, name, to, backlog, EVENTS, name)
        backlog.make_tiers(case.job.group)
        run_case(case, forget=False)
    found = committed(backlog.bootstrap, case.job.group, backlog.topic)
    backlog.forget(case.job.group)
    assert sum(at.offset for at in found.values()) == counts
