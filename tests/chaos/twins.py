"""Records of one event that stand for the same work: copies on the source, a retry that its tier has twice.

The rule: one of them is worked on, and the others may be finished meanwhile: as long as that one is not
committed it comes again, whatever becomes of the worker. So the work is committed once the last of them is.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.chaos.cuts import BLINK
from tests.chaos.evidence import Hop
from tests.chaos.history import Coverage, History

NEVER = float("inf")


def first_seen(hop: Hop, covered: Coverage) -> float:
    """When a record was first seen committed; never, where it was not."""
    return min(covered.get(hop.place, ()), default=NEVER)


def work_seen(hop: Hop, hops: Iterable[Hop], covered: Coverage, history: History) -> float:
    """When the work of a record was first seen committed: with the last of `hops` that was there by then."""
    seen = first_seen(hop, covered)
    twins = (one for one in hops if _are_twins(hop, one) and one.at <= seen + BLINK)
    return max([seen, *(_kept_until(twin, seen, covered, history) for twin in twins)])


def _kept_until(twin: Hop, seen: float, covered: Coverage, history: History) -> float:
    """When a record was committed that was there at `seen`; never, where others took it away before that."""
    committed, taken = first_seen(twin, covered), history.gone(twin.place)
    if taken is None or committed < taken.before:
        return committed
    return NEVER if taken.before > seen else seen


def _are_twins(hop: Hop, other: Hop) -> bool:
    return (other.kind, other.attempts) == (hop.kind, hop.attempts)
