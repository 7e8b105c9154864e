"""Why nothing is sent: a closed set of reasons, for people.

The rule: a reason holds while it alone would keep the next record from being sent; probes are sent all the
same. A reached limit is no reason, because the next answer makes room.

| reason | holds while |
| --- | --- |
| PAUSE | an order says so, or the orders can't be read |
| CIRCUIT | the circuit is not closed, and not because of EGRESS |
| RATE | the next start is not due, by the configured rate or the learned pace |
| RETRY_AFTER | the partner asked to be left alone |
| COMMITS | commits do not get through, or the process stood still and it is unknown what is still ours |
| EGRESS | the partner's address is forbidden, which opens the circuit |
| WARMING | a partition waits until its journal is read; only that one |
"""

from __future__ import annotations

from enum import StrEnum

from worker.core.admission.circuit import CLOSED
from worker.core.admission.gate import Gate


class HeldReason(StrEnum):
    """Why nothing is sent."""

    PAUSE = "pause"
    CIRCUIT = "circuit"
    RATE = "rate"
    RETRY_AFTER = "retry_after"
    COMMITS = "commits"
    EGRESS = "egress"
    WARMING = "warming"


def held(
    gate: Gate, now: float, *, paused: bool, fenced: bool, blocked: bool, warming: bool = False
) -> frozenset[HeldReason]:
    """The reasons at `now` (monotonic seconds); empty while a record may be sent.

    `paused`: orders stop everything. `fenced`: no request may be started. `blocked`: the address is
    forbidden. `warming`: a partition's journal is not read yet.
    """
    reasons = {
        HeldReason.PAUSE: paused,
        HeldReason.CIRCUIT: gate.circuit.state is not CLOSED and not blocked,
        HeldReason.RATE: now < gate.paced_until,
        HeldReason.RETRY_AFTER: now < gate.left_alone_until,
        HeldReason.COMMITS: fenced,
        HeldReason.EGRESS: blocked,
        HeldReason.WARMING: warming,
    }
    return frozenset(reason for reason, is_there in reasons.items() if is_there)
