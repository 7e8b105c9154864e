"""Judges whether a replayed dead letter would only die again.

The rule: it is judged as the workers would judge it now, with the present templates and orders.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from worker.ops.edits import Edit
from worker.ops.errors import BrokerUnavailable, CannotDo
from worker.ops.replay import Outbound
from worker.ops.replay_selection import Judge, Refusal

if TYPE_CHECKING:
    from schemas import DeadLetter
    from worker.core.orders import CancelOrder
    from worker.settings import Deployment, Settings

CANCELLED = "cancelled"


def judge_of(
    deployment: Deployment, settings: Settings, outbound: Outbound, edit: Edit | None, now: float
) -> Judge:
    """Make the judge of whether a letter would only die again at `now`.

    An edited letter that is still invalid is a fault.
    """
    from schemas import DeadReason
    from worker.compiled import compile_settings
    from worker.core.endings import Dead
    from worker.core.orders import is_meant
    from worker.core.record import Partition, Record
    from worker.pipeline import Pipeline

    pipeline = Pipeline(compile_settings(settings, deployment.router(settings)))
    cancels = _cancels(settings, now)

    def judge(letter: DeadLetter) -> Refusal | None:
        at = Partition(settings.kafka.topic, outbound.partition(letter) or 0)
        record = Record(at, 0, letter.key, outbound.revise(letter), outbound.headers(letter), now)
        if any(is_meant(one, record, on_tier=False) for one in cancels):
            return Refusal(CANCELLED)
        ending = pipeline.prepare(record, on_tier=False, now=now)
        if not isinstance(ending, Dead):
            return None
        if edit is not None and ending.reason in {DeadReason.INVALID, DeadReason.UNDECODABLE}:
            return Refusal(ending.reason, f"{edit.where(letter)}: {ending.error}")
        return Refusal(ending.reason)

    return judge


def _cancels(settings: Settings, now: float) -> Sequence[CancelOrder]:
    """The cancellations in force; none if the control topic is missing."""
    from worker.ops.orders import standing

    try:
        return standing(settings).cancels(now)
    except BrokerUnavailable:
        raise
    except CannotDo:
        return ()
