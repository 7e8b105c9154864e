"""How a destination does of which some partitions have no leader: no verdict claims what they may refute."""

from __future__ import annotations

import pytest

from tests.core.test_flow_diagnosis import (
    BEHIND,
    DOWN,
    FLOWS,
    GIVEN,
    NOW,
    QUIET,
    STARTS,
    STILL,
    UNREADY,
    bound,
)
from worker.core.flow import Flow, MemberCounts, RecentAttempts, TierState, UnreadPartitions
from worker.core.flow_diagnosis import judge
from worker.core.orders import PauseOrder
from worker.core.record import Partition

SOURCE = UnreadPartitions(source=[Partition("s", 1)])
TIERS = UnreadPartitions(tiers=[Partition("t", 1)])
LETTERS = UnreadPartitions(dead_letters=[Partition("d", 1)])
JOURNAL = UnreadPartitions(journal=[Partition("j", 1)])
CONTROL = UnreadPartitions(control=[Partition("c", 0)])
EVERY = UnreadPartitions([Partition("s", 1)], [Partition("t", 1)], [], [Partition("j", 1)])
FAILS = FLOWS._replace(steps=RecentAttempts(15.0, 3, {"503": 9}, NOW - 1))
LATE = FLOWS._replace(tiers=[TierState("1m", 2, 80.0)])
STARTING = STILL._replace(reports=[STARTS])
AS_FAR = "no leader; as far as can be read it is"


@pytest.mark.parametrize("unread", [SOURCE, TIERS, LETTERS, JOURNAL, CONTROL, EVERY])
@pytest.mark.parametrize("flow", [FLOWS, QUIET])
def test_never_well(flow: Flow, unread: UnreadPartitions) -> None:
    """While a partition can't be read, nothing is said to flow or to be idle; what explains it is named."""
    judged = judge(flow._replace(unread=unread))
    assert (judged.verdict, judged.is_well, judged.spoken, judged.since) == (None, False, "unknown", None)
    assert judged.why.endswith(": no leader")
    assert judged.command == "kafka-topics.sh --describe --unavailable-partitions"


@pytest.mark.parametrize(
    ("flow", "unread", "why"),
    [
        (FLOWS, SOURCE, "whether it is lagging can't be told: s/1: no leader"),
        (FLOWS, TIERS, "whether it is lagging can't be told: t/1: no leader"),
        (FLOWS, LETTERS, "whether all is well can't be told: d/1: no leader"),
        (QUIET, LETTERS, "whether all is well can't be told: d/1: no leader"),
        (FLOWS, JOURNAL, "whether it is failing can't be told: j/1: no leader"),
        (FLOWS, CONTROL, "whether it is paused can't be told: c/0: no leader"),
        (STILL, CONTROL, f"whether it is paused can't be told: c/0: {AS_FAR[:9]}"),
        (STILL, JOURNAL, f"whether it is failing can't be told: j/1: {AS_FAR[:9]}"),
        (QUIET, SOURCE, "whether it is stuck can't be told: s/1: no leader"),
        (STILL._replace(oldest=4.0), TIERS, "whether it is stuck can't be told: t/1: no leader"),
        (QUIET._replace(steps=RecentAttempts(15.0)), SOURCE, "whether it is stuck can't be told: s/1: no"),
        (QUIET._replace(steps=RecentAttempts(0.0)), SOURCE, "whether it is lagging can't be told: s/1: no"),
        (bound("pace", flow=QUIET), SOURCE, "whether the partner is full can't be told: s/1: no leader"),
        (bound("rate", flow=QUIET), TIERS, "whether the rate holds it back can't be told: t/1: no leader"),
        (
            FLOWS._replace(reports=[UNREADY]),
            JOURNAL,
            "whether it is stuck can't be told: j/1: no leader; not ready, the worker: egress; the last step",
        ),
        (
            QUIET._replace(reports=[UNREADY]),
            JOURNAL,
            "whether it is stuck can't be told: j/1: no leader; not ready, the worker: egress; the last step",
        ),
        (STARTING, JOURNAL, f"whether the workers are at work can't be told: j/1: {AS_FAR[:9]}"),
        (
            FAILS,
            CONTROL,
            f"whether it is paused can't be told: c/0: {AS_FAR} failing: 9 of the latest 12 attempts failed,",
        ),
        (
            BEHIND,
            JOURNAL,
            f"whether it is failing can't be told: j/1: {AS_FAR} lagging: 900 records wait on the source",
        ),
        (
            BEHIND,
            EVERY,
            f"whether it is failing can't be told: j/1: {AS_FAR} lagging: at least 900 records wait",
        ),
    ],
)
def test_not_told(flow: Flow, unread: UnreadPartitions, why: str) -> None:
    """Where an unread partition may make a verdict hold, none is told, but what is known is."""
    judged = judge(flow._replace(unread=unread))
    assert (judged.verdict, judged.why[: len(why)]) == (None, why)
    assert "stuck:" not in judged.why


@pytest.mark.parametrize(
    ("flow", "unread", "verdict", "why"),
    [
        (
            QUIET._replace(members=MemberCounts(0, 0)),
            EVERY,
            "no_worker",
            "nobody reads the source and the tiers; at least 0 records wait on the source; the last step",
        ),
        (FLOWS._replace(orders=[PauseOrder(GIVEN)]), EVERY, "paused", "paused, by ann at 2023-"),
        (FLOWS._replace(reports=[DOWN]), EVERY, "partner_down", "the worker met an outage: HTTP 503"),
        (
            bound("pace"),
            EVERY,
            "partner_full",
            "it refuses more than it takes now (at least 4 x 500); at least 3 records wait on the source",
        ),
        (STILL._replace(reports=[UNREADY]), EVERY, "stuck", "not ready, the worker: egress; the last step"),
        (FLOWS._replace(reports=[STARTS]), SOURCE, None, "whether it is lagging can't be told"),
        (
            STARTING,
            SOURCE,
            "no_worker",
            "the worker began 7 s ago: the group has not been joined; at least 3",
        ),
        (
            FAILS,
            EVERY,
            "failing",
            "9 of the latest 12 attempts that can be read failed, most with 503",
        ),
        (
            STILL,
            SOURCE,
            "stuck",
            "at least 3 records wait on the source, and nothing has happened for at least 33 s",
        ),
        (
            BEHIND,
            SOURCE,
            "lagging",
            "at least 900 records wait on the source, the first for at least 120 s",
        ),
        (LATE, TIERS, "lagging", "what waits in the tier 1m is at least 80 s late"),
    ],
)
def test_told_all_the_same(flow: Flow, unread: UnreadPartitions, verdict: str | None, why: str) -> None:
    """What holds whatever the unread partitions hold is told; numbers are at least so large."""
    judged = judge(flow._replace(unread=unread))
    assert (judged.verdict, judged.why[: len(why)]) == (verdict, why)


def test_the_last_step() -> None:
    """The last step is told as the last that can be read where others may be unread."""
    judged = judge(QUIET._replace(members=MemberCounts(0, 0), unread=JOURNAL))
    assert judged.why.endswith("; the last step that can be read was at 2023-11-14T22:01:40.000Z")


def test_since_is_not_told() -> None:
    """Since when it lags or stands still can't be told where older records may be unread."""
    assert judge(BEHIND._replace(unread=SOURCE)).since is None
    assert judge(STILL._replace(unread=TIERS)).since is None
