"""How a destination does, in one word."""

from __future__ import annotations

import pytest

from worker.core.event_filter import EventFilter
from worker.core.flow import Flow, MemberCounts, RecentAttempts, TierState
from worker.core.flow_diagnosis import FlowVerdict, judge
from worker.core.orders import CancelOrder, PauseOrder, Provenance, RateOrder
from worker.core.worker_report import OpenCircuit, WorkerReport

NOW = 1_700_000_000.0
GIVEN = Provenance(NOW - 90, "ann")
WELL = WorkerReport("a", NOW)
UNREADY = WELL._replace(not_ready=("egress",))
STARTS = WELL._replace(not_ready=("the group has not been joined",), starts=NOW - 7)
DOWN = WELL._replace(circuit=OpenCircuit(NOW - 30, "503", "HTTP 503"))
SILENT = WELL._replace(silent=("orders/3 gives nothing",))
FLOWS = Flow(
    now=NOW,
    members=MemberCounts(2, 2),
    lag=3,
    oldest=0.4,
    tiers=[TierState("10s", 5, 0.0), TierState("1m", 2, 0.0)],
    steps=RecentAttempts(15.0, delivered=90, failed={"500": 4}, last=NOW - 1),
    dead_letters=7,
    reports=[WELL, WELL],
)
QUIET = FLOWS._replace(lag=0, oldest=0.0, steps=RecentAttempts(15.0, last=NOW - 700))
STILL = FLOWS._replace(oldest=40.0, steps=RecentAttempts(15.0, last=NOW - 33))
BEHIND = FLOWS._replace(lag=900, oldest=120.0)


def bound(*words: str, flow: Flow = FLOWS) -> Flow:
    """Half of the workers are kept from sending more."""
    return flow._replace(reports=[WELL._replace(bound_by=words), WELL])


@pytest.mark.parametrize(
    ("flow", "verdict", "why"),
    [
        (FLOWS, "flowing", "90 delivered, 4 failed in 15 s"),
        (FLOWS._replace(orders=[CancelOrder(GIVEN, "c", EventFilter())]), "flowing", "90 delivered"),
        (QUIET._replace(reports=[SILENT, WELL]), "stuck", "orders/3 gives nothing"),
        (QUIET._replace(reports=[SILENT, SILENT]), "stuck", "orders/3 gives nothing, and 1 more"),
        (FLOWS._replace(reports=[SILENT, DOWN, DOWN]), "partner_down", "2 of 3 workers met an outage"),
        (QUIET, "idle", "nothing is due; the last step was at 2023-11-14T22:01:40.000Z"),
        (QUIET._replace(steps=RecentAttempts(15.0)), "idle", "nothing is due"),
        (QUIET._replace(steps=RecentAttempts(15.0, delivered=1)), "flowing", "1 delivered, 0 failed in 15 s"),
        (
            FLOWS._replace(members=MemberCounts(0, 0)),
            "no_worker",
            "nobody reads the source and the tiers; 3 records",
        ),
        (FLOWS._replace(members=MemberCounts(1, 0)), "no_worker", "nobody reads the tiers; 3 records wait"),
        (
            FLOWS._replace(members=MemberCounts(0, 1), orders=[PauseOrder(GIVEN)]),
            "no_worker",
            "nobody reads the source; 3",
        ),
        (
            FLOWS._replace(orders=[RateOrder(GIVEN, 5.0), PauseOrder(GIVEN)]),
            "paused",
            "paused, by ann at 2023-",
        ),
        (FLOWS._replace(orders=[PauseOrder(GIVEN)], reports=[DOWN]), "paused", "paused, by ann at 2023-"),
        (FLOWS._replace(unreadable=["pause"]), "stuck", "orders can't be read, and nothing is sent: pause"),
        (
            FLOWS._replace(reports=[UNREADY]),
            "stuck",
            "not ready, the worker: egress",
        ),
        (
            FLOWS._replace(reports=[WELL, WELL, UNREADY]),
            "flowing",
            "90 delivered",
        ),
        (
            STILL._replace(reports=[STARTS]),
            "no_worker",
            "the worker began 7 s ago: the group has not been joined; 3 records wait on the source",
        ),
        (STILL._replace(reports=[STARTS, WELL]), "no_worker", "1 of 2 workers began 7 s ago: the group"),
        (FLOWS._replace(reports=[STARTS]), "flowing", "90 delivered"),
        (STILL._replace(reports=[STARTS, WELL, WELL]), "stuck", "3 records wait on the source, and nothing"),
        (STILL._replace(reports=[STARTS, UNREADY]), "stuck", "not ready, 1 of 2 workers: egress"),
        (STILL._replace(reports=[STARTS], orders=[PauseOrder(GIVEN)]), "paused", "paused, by ann"),
        (
            FLOWS._replace(reports=[STARTS._replace(starts=NOW - 60)]),
            "stuck",
            "not ready, the worker: the group has not been joined",
        ),
        (bound("commits"), "stuck", "commits do not get through, and nothing is sent before they do"),
        (FLOWS._replace(reports=[DOWN]), "partner_down", "the worker met an outage: HTTP 503; no attempts"),
        (FLOWS._replace(reports=[DOWN, WELL]), "partner_down", "1 of 2 workers met an outage: HTTP 503"),
        (FLOWS._replace(reports=[DOWN, WELL, WELL]), "flowing", "90 delivered"),
        (bound("pace"), "partner_full", "it refuses more than it takes now (4 x 500); 3 records wait"),
        (
            bound("retry_after", flow=STILL),
            "partner_full",
            "it refuses more than it takes now (by its answers)",
        ),
        (bound("limit", flow=QUIET), "idle", "nothing is due"),
        (bound("rate"), "rate_limited", "POSTBACK_DESTINATION__RATE; 3 records wait on the source"),
        (
            bound("rate")._replace(orders=[RateOrder(GIVEN, 5.0)]),
            "rate_limited",
            "at most 5 a second, by ann at",
        ),
        (bound("rate", flow=QUIET), "idle", "nothing is due"),
        (
            FLOWS._replace(steps=RecentAttempts(15.0, 9, {"404": 2, "500": 9})),
            "failing",
            "11 of the latest 20 attempts",
        ),
        (
            FLOWS._replace(steps=RecentAttempts(15.0, 0, {"404": 2}, NOW)),
            "flowing",
            "0 delivered, 2 failed in 15 s",
        ),
        (STILL, "stuck", "3 records wait on the source, and nothing has happened for 33 s"),
        (
            STILL._replace(steps=RecentAttempts(15.0)),
            "stuck",
            "3 records wait on the source, and nothing has happened for 40",
        ),
        (
            STILL._replace(steps=RecentAttempts(0.0)),
            "lagging",
            "3 records wait on the source, the first for 40 s",
        ),
        (
            FLOWS._replace(steps=RecentAttempts(0.0)),
            "flowing",
            "nothing is late; the journal, which tells of attempts, is off",
        ),
        (STILL._replace(oldest=3.0), "flowing", "0 delivered, 0 failed in 15 s"),
        (BEHIND, "lagging", "900 records wait on the source, the first for 120 s"),
        (
            FLOWS._replace(tiers=[TierState("1m", 2, 80.0)]),
            "lagging",
            "what waits in the tier 1m is 80 s late",
        ),
        (BEHIND._replace(tiers=[]), "lagging", "900 records wait on the source, the first for 120 s"),
        (
            BEHIND._replace(reports=[WELL, WELL._replace(bound_by=("pace",)), WELL]),
            "lagging",
            "900 records wait on the source, the first for 120 s; 1 of 3 workers held back: pace",
        ),
    ],
)
def test_verdict(flow: Flow, verdict: str, why: str) -> None:
    """The gravest that holds is said, and why."""
    judged = judge(flow)
    assert (judged.verdict, judged.why[: len(why)]) == (verdict, why)
    assert (judged.command is None) == judged.is_well


@pytest.mark.parametrize(
    ("waiting", "command"), [(9, "postback-worker waiting list"), (0, "postback-worker dlq stats --since 1h")]
)
def test_what_failed(waiting: int, command: str) -> None:
    """Where attempts fail, the command is named that shows what failed: it waits in the tiers, or is dead."""
    failing = FLOWS._replace(
        tiers=[TierState("1m", waiting, 0.0)], steps=RecentAttempts(15.0, 0, {"404": 9}, NOW)
    )
    assert judge(failing).command == command


@pytest.mark.parametrize(
    ("key", "command"),
    [
        ("pause", "postback-worker resume"),
        ("rate", "postback-worker rate off"),
        ("now/9f8e", "postback-worker cancel end now/9f8e"),
        ("cancel/a b", "postback-worker cancel end 'cancel/a b'"),
    ],
)
def test_an_order_that_can_not_be_read(key: str, command: str) -> None:
    """Where nothing is sent for an order that can't be read, the command is named that ends it."""
    assert judge(FLOWS._replace(unreadable=[key])).command == command


def test_every_word_is_said() -> None:
    """The words are those of the contract."""
    assert {one.value for one in FlowVerdict} == {
        *("flowing", "idle", "lagging", "partner_down", "partner_full"),
        *("paused", "rate_limited", "failing", "stuck", "no_worker"),
    }


def test_since() -> None:
    """It is told since when, where that is known."""
    assert judge(FLOWS._replace(orders=[PauseOrder(GIVEN)])).since == GIVEN.at
    assert judge(FLOWS._replace(reports=[DOWN])).since == NOW - 30
    assert judge(STILL._replace(reports=[STARTS._replace(starts=NOW - 5), STARTS])).since == NOW - 7
    assert judge(BEHIND).since == NOW - 120
    assert judge(FLOWS).since is None


@pytest.mark.parametrize(
    "halted",
    [
        QUIET._replace(members=MemberCounts(0, 0)),
        QUIET._replace(unreadable=["pause"]),
        QUIET._replace(reports=[UNREADY]),
        bound("commits", flow=QUIET),
    ],
)
def test_since_some_time_after_the_last_step(halted: Flow) -> None:
    """An idle destination may have come to a halt long after its last step: that is told as what it is."""
    judged = judge(halted)
    assert judged.since is None
    assert judged.why.endswith("; the last step was at 2023-11-14T22:01:40.000Z")


def test_stuck_since_something_is_due() -> None:
    """Where nothing was due for long, it stands still only since something is."""
    judged = judge(STILL._replace(oldest=20.0))
    assert (judged.verdict, judged.since) == (FlowVerdict.STUCK, NOW - 20)
    assert judged.why.endswith("nothing has happened for 20 s")


def test_an_outage_is_since_the_first_worker_met_it() -> None:
    """A partner is down since the first of the workers found it so, whichever of them is named first."""
    later = WELL._replace(circuit=OpenCircuit(NOW - 5, "timeout", "no answer in time"))
    for reports in ([DOWN, later], [later, DOWN]):
        told = judge(FLOWS._replace(reports=reports))
        assert told.since == NOW - 30
        assert "2 of 2 workers met an outage: HTTP 503" in told.why
