"""For whose sake nothing is sent, as a person asks it: a closed set of reasons, each there or not.

The rule: a reason is there while it alone would keep the next record from going; probes, which only ask how
the partner is, go all the same. A limit that is reached is no reason: an answer makes room.

| reason | there while |
| --- | --- |
| PAUSE | an order says so, or it is not known what the orders say |
| CIRCUIT | the circuit is not closed, and not for the sake of EGRESS |
| RATE | the next start is not due: by the rate that is set, or by the pace that refusals taught |
| RETRY_AFTER | the partner asked to be left alone |
| COMMITS | commits do not get through, or the process stood still and nothing shows yet what is ours |
| EGRESS | the partner's address is forbidden, which opens the circuit |
| WARMING | a partition rests until what its journal tells is read; only that one |
"""

from __future__ import annotations

from enum import StrEnum

from worker.core.admission.circuit import CLOSED
from worker.core.admission.gate import Gate


class Held(StrEnum):
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
) -> frozenset[Held]:
    """Say why nothing is sent at `now` (monotonic seconds); empty while a record may go.

    `paused` says that the orders let nothing go, `fenced` that no request may be started, `blocked` that none
    may be made to this address, `warming` that a partition is not read so far that its copies are known.
    """
    reasons = {
        Held.PAUSE: paused,
        Held.CIRCUIT: gate.circuit.state is not CLOSED and not blocked,
        Held.RATE: now < gate.paced_until,
        Held.RETRY_AFTER: now < gate.left_alone_until,
        Held.COMMITS: fenced,
        Held.EGRESS: blocked,
        Held.WARMING: warming,
    }
    return frozenset(reason for reason, is_there in reasons.items() if is_there)
