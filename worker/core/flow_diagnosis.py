"""How a destination does, in one word, judged from its topics, groups and workers.

The rule: the gravest verdict that holds wins, and orders of a person come before what happens by itself. A
verdict claims no more than what was read: where what can't be read may make another one hold, there is none.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import NamedTuple

from schemas.moment import format_time
from worker.core.admission.held import HeldReason
from worker.core.flow import STILL_SECONDS, Flow
from worker.core.leaderless import no_leader
from worker.core.orders import PAUSE, RATE, PauseOrder, RateOrder, described
from worker.core.record import Partition
from worker.core.worker_report import WorkerReport

FAILING_SHARE, FEWEST_FAILURES = 0.5, 3
"""Attempts count as failing from this share of the latest on, and from so many on."""

PACE, LIMIT = "pace", "limit"
"""What bounds a worker besides the words of `HeldReason`: a pace or a limit that was lowered."""

_CHECK = "postback-worker config check --online"
_AWAY = "kafka-topics.sh --describe --unavailable-partitions"


class FlowVerdict(StrEnum):
    """How a destination does; shown with spaces for underscores."""

    FLOWING = "flowing"
    IDLE = "idle"
    LAGGING = "lagging"
    PARTNER_DOWN = "partner_down"
    PARTNER_FULL = "partner_full"
    PAUSED = "paused"
    RATE_LIMITED = "rate_limited"
    FAILING = "failing"
    STUCK = "stuck"
    NO_WORKER = "no_worker"

    @property
    def is_well(self) -> bool:
        """Whether nobody need do anything."""
        return self in {FlowVerdict.FLOWING, FlowVerdict.IDLE}


class FlowDiagnosis(NamedTuple):
    """A verdict: why it holds, since when (epoch seconds; None: unknown), and what command explains it.

    `verdict` is None where none can be told, and `why` says why not.
    """

    verdict: FlowVerdict | None
    why: str
    since: float | None
    command: str | None

    @property
    def is_well(self) -> bool:
        """Whether nobody need do anything."""
        return self.verdict is not None and self.verdict.is_well

    @property
    def spoken(self) -> str:
        """The verdict in words."""
        return "unknown" if self.verdict is None else self.verdict.replace("_", " ")


def judge(flow: Flow) -> FlowDiagnosis:
    """Judge how a destination does."""
    found = [one for look in _GRAVEST_FIRST if (one := look(flow)) is not None]
    gravest, known = found[0], next((one for one in found if one.verdict is not None), None)
    if gravest.verdict is not None or known is None:
        return gravest
    return gravest._replace(why=f"{gravest.why}; as far as can be read it is {known.spoken}: {known.why}")


# --- each word -----------------------------------------------------------------------------------


def _no_worker(flow: Flow) -> FlowDiagnosis | None:
    source, tiers = flow.members
    if source and tiers:
        return None
    lacking = [name for name, count in zip(("source", "tiers"), flow.members, strict=True) if not count]
    why = f"nobody reads the {' and the '.join(lacking)}; {_waiting(flow)}{_last(flow)}"
    return FlowDiagnosis(FlowVerdict.NO_WORKER, why, None, "postback-worker run")


def _paused(flow: Flow) -> FlowDiagnosis | None:
    pause = next((order for order in flow.orders if isinstance(order, PauseOrder)), None)
    if pause is None:
        return _hidden(flow.unread.control, "whether it is paused")
    return FlowDiagnosis(FlowVerdict.PAUSED, described(pause), pause.provenance.at, "postback-worker resume")


def _stuck(flow: Flow) -> FlowDiagnosis | None:
    if flow.unreadable:
        why = f"orders can't be read, and nothing is sent: {', '.join(flow.unreadable)}{_last(flow)}"
        return FlowDiagnosis(FlowVerdict.STUCK, why, None, _ending(flow.unreadable[0]))
    blocked = [report for report in flow.reports if report.not_ready and not report.is_starting(flow.now)]
    if blocked and len(blocked) * 2 >= len(flow.reports):
        return _not_ready(flow, blocked)
    if flow.bounded_by(HeldReason.COMMITS):
        why = f"commits do not get through, and nothing is sent before they do{_last(flow)}"
        return FlowDiagnosis(FlowVerdict.STUCK, why, None, _CHECK)
    return None


def _not_ready(flow: Flow, blocked: Sequence[WorkerReport]) -> FlowDiagnosis:
    """Workers are not ready: maybe only for the partitions without a leader, unless all else rests, too."""
    why = f"not ready, {_of_workers(blocked, flow)}: {blocked[0].not_ready[0]}{_last(flow)}"
    hidden = _hidden(flow.unread.every, "whether it is stuck")
    rests = flow.is_due and not flow.steps.delivered and not flow.steps.failures
    if hidden is not None and not rests:
        return hidden._replace(why=f"{hidden.why}; {why}")
    return FlowDiagnosis(FlowVerdict.STUCK, why, None, _CHECK)


def _starting(flow: Flow) -> FlowDiagnosis | None:
    """Workers are there, and not at work yet."""
    starting = [report for report in flow.reports if report.is_starting(flow.now)]
    if len(starting) * 2 < len(flow.reports) or not starting or flow.steps.delivered or flow.steps.failures:
        return None
    since = min(report.starts for report in starting if report.starts is not None)
    begun = f"{_of_workers(starting, flow)} began {flow.now - since:.0f} s ago: {starting[0].not_ready[0]}"
    why = f"{begun}; {_waiting(flow)}"
    found = FlowDiagnosis(FlowVerdict.NO_WORKER, why, since, "postback-worker status --watch")
    return _hidden(flow.unread.journal, "whether the workers are at work") or found


def _partner_down(flow: Flow) -> FlowDiagnosis | None:
    down = [report for report in flow.reports if report.circuit is not None]
    if not down or len(down) * 2 < len(flow.reports):
        return None
    first = min((report.circuit for report in down if report.circuit is not None), key=lambda one: one.since)
    why = f"{_of_workers(down, flow)} met an outage: {first.error}; no attempts are used up"
    return FlowDiagnosis(FlowVerdict.PARTNER_DOWN, why, first.since, "postback-worker send --click-id TEST")


def _partner_full(flow: Flow) -> FlowDiagnosis | None:
    if not flow.bounded_by(HeldReason.RETRY_AFTER, PACE, LIMIT):
        return None
    if not flow.is_due:
        return _hidden(_of_dues(flow), "whether the partner is full")
    counts = ", ".join(f"{count} x {status}" for status, count in flow.steps.failed.items())
    how = f"{_least(flow.unread.journal)}{counts}" if counts else "by its answers"
    why = f"it refuses more than it takes now ({how}); {_waiting(flow)}"
    return FlowDiagnosis(FlowVerdict.PARTNER_FULL, why, None, "postback-worker rate N")


def _rate_limited(flow: Flow) -> FlowDiagnosis | None:
    if not flow.bounded_by(HeldReason.RATE):
        return None
    if not flow.is_due:
        return _hidden(_of_dues(flow), "whether the rate holds it back")
    order = next((order for order in flow.orders if isinstance(order, RateOrder)), None)
    text = "POSTBACK_DESTINATION__RATE" if order is None else described(order)
    since = None if order is None else order.provenance.at
    why = f"{text}; {_waiting(flow)}"
    return FlowDiagnosis(FlowVerdict.RATE_LIMITED, why, since, "postback-worker rate N")


def _failing(flow: Flow) -> FlowDiagnosis | None:
    failures = flow.steps.failures
    attempts = failures + flow.steps.delivered
    if failures < FEWEST_FAILURES or failures < FAILING_SHARE * attempts:
        return _hidden(flow.unread.journal, "whether it is failing")
    most = max(flow.steps.failed, key=lambda status: flow.steps.failed[status])
    readable = " that can be read" if flow.unread.journal else ""
    why = f"{failures} of the latest {attempts} attempts{readable} failed, most with {most}"
    waits = any(tier.waiting for tier in flow.tiers)
    command = "postback-worker waiting list" if waits else "postback-worker dlq stats --since 1h"
    return FlowDiagnosis(FlowVerdict.FAILING, why, None, command)


def _silent(flow: Flow) -> FlowDiagnosis | None:
    """A partition has records, which nobody gets."""
    silent = [line for report in flow.reports for line in report.silent]
    if not silent:
        return None
    others = f", and {len(silent) - 1} more" if silent[1:] else ""
    return FlowDiagnosis(FlowVerdict.STUCK, silent[0] + others, None, _CHECK)


def _still(flow: Flow) -> FlowDiagnosis | None:
    """Something is due, nothing happens, and nobody says why."""
    last, due = flow.steps.last, max(flow.oldest, flow.overdue)
    since_last = float("inf") if last is None else flow.now - last
    quiet = min(due, since_last)
    if not flow.steps.seconds or since_last < STILL_SECONDS:
        return None
    if not flow.is_due or quiet < STILL_SECONDS:
        return _hidden(_of_dues(flow), "whether it is stuck")
    why = f"{_waiting(flow)}, and nothing has happened for {_least(_of_dues(flow))}{quiet:.0f} s"
    since = None if _of_dues(flow) else flow.now - quiet
    found = FlowDiagnosis(FlowVerdict.STUCK, why, since, _CHECK)
    return _hidden([*flow.unread.journal, *flow.unread.control], "whether it is stuck") or found


def _lagging(flow: Flow) -> FlowDiagnosis | None:
    if not flow.is_behind:
        return _hidden(_of_dues(flow), "whether it is lagging")
    late = next((tier for tier in flow.tiers if tier.overdue == flow.overdue), None)
    least = _least(_of_dues(flow))
    if late is not None and flow.overdue > flow.oldest:
        why = f"what waits in the tier {late.tier} is {least}{late.overdue:.0f} s late"
        since = flow.now - late.overdue
    else:
        why = f"{_waiting(flow)}, the first for {least}{flow.oldest:.0f} s"
        since = flow.now - flow.oldest
    command = "postback-worker status --watch"
    return FlowDiagnosis(FlowVerdict.LAGGING, why + _held_back(flow), None if least else since, command)


def _idle(flow: Flow) -> FlowDiagnosis | None:
    if flow.is_due or flow.steps.delivered or flow.steps.failures:
        return None
    found = FlowDiagnosis(FlowVerdict.IDLE, f"nothing is due{_last(flow)}", flow.steps.last, None)
    return _hidden(flow.unread.every, "whether all is well") or found


def _flowing(flow: Flow) -> FlowDiagnosis:
    steps = flow.steps
    why = f"{steps.delivered} delivered, {steps.failures} failed in {steps.seconds:.0f} s"
    if not steps.seconds:
        why = "nothing is late; the journal, which tells of attempts, is off"
    found = FlowDiagnosis(FlowVerdict.FLOWING, why, None, None)
    return _hidden(flow.unread.every, "whether all is well") or found


# --- words ---------------------------------------------------------------------------------------


def _hidden(unread: Sequence[Partition], doubt: str) -> FlowDiagnosis | None:
    """That these partitions hide whether a verdict holds; None if there are none."""
    if not unread:
        return None
    return FlowDiagnosis(None, f"{doubt} can't be told: {no_leader(unread)}", None, _AWAY)


def _of_dues(flow: Flow) -> Sequence[Partition]:
    """The partitions that may hold what is due, and can't be read."""
    return [*flow.unread.source, *flow.unread.tiers]


def _least(unread: Sequence[Partition]) -> str:
    return "at least " if unread else ""


def _waiting(flow: Flow) -> str:
    return f"{_least(flow.unread.source)}{flow.lag} records wait on the source"


def _last(flow: Flow) -> str:
    """When the last step was: what came to a halt did so then, or later."""
    readable = " that can be read" if flow.unread.journal else ""
    return (
        "" if flow.steps.last is None else f"; the last step{readable} was at {format_time(flow.steps.last)}"
    )


def _held_back(flow: Flow) -> str:
    """What keeps some workers from sending more: too few of them for a verdict of its own."""
    some = [report for report in flow.reports if report.bound_by]
    words = sorted({word for report in some for word in report.bound_by})
    return f"; {_of_workers(some, flow)} held back: {', '.join(words)}" if some else ""


def _ending(key: str) -> str:
    """The command that ends an order that can't be read."""
    ends = {PAUSE: "postback-worker resume", RATE: "postback-worker rate off"}
    return ends.get(key, f"postback-worker cancel end {shlex.quote(key)}")


def _of_workers(some: Sequence[WorkerReport], flow: Flow) -> str:
    return "the worker" if len(flow.reports) == 1 else f"{len(some)} of {len(flow.reports)} workers"


_GRAVEST_FIRST: Sequence[Callable[[Flow], FlowDiagnosis | None]] = (
    _no_worker,
    _paused,
    _stuck,
    _starting,
    _partner_down,
    _partner_full,
    _rate_limited,
    _failing,
    _silent,
    _still,
    _lagging,
    _idle,
    _flowing,
)
