"""When a worker's circuit may be open, judged from the answers it got: then its attempts need not count.

The rule: in doubt it may be. It opens for many failures within its window, or in a row, and closes for one
request that is taken.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tests.chaos.cuts import Span, partner_away
from tests.chaos.evidence import Story
from tests.chaos.logs import RECORDED, Deed

# The circuit's least number of failures, and how long one may still count, in seconds: its window, and the
# probes after it.
LEAST, MEMORY = 10, 20.0
# A partner that refuses connections sees no requests; each worker is taken to fail this often a second then.
REFUSED_RATE = 10


class Circuits:
    """Those of all workers of a run."""

    def __init__(self, stories: Iterable[Story], deeds: Sequence[Deed]) -> None:
        refused = [at for span in partner_away(deeds) for at in _ticks(span, 1 / REFUSED_RATE)]
        failed: defaultdict[str, list[float]] = defaultdict(refused.copy)
        taken: defaultdict[str, list[float]] = defaultdict(list)
        for story in stories:
            for request in story.requests:
                fails = request.answered is None or request.action == RECORDED
                (failed if fails else taken)[request.worker].append(request.at)
        self._failed, self._taken = _in_order(failed), _in_order(taken)

    def may_be_open(self, worker: str, since: float, until: float) -> bool:
        """Whether this worker's circuit may be open at some moment from one to the other."""
        failed = self._failed.get(worker, [])
        between = failed[bisect_left(failed, since) : bisect_right(failed, until)]
        return any(self._may_be_open_at(worker, at) for at in (since, *between, until))

    def _may_be_open_at(self, worker: str, at: float) -> bool:
        failed, taken = self._failed.get(worker, []), self._taken.get(worker, [])
        before = bisect_right(failed, at)
        index = bisect_left(taken, at)
        last_taken = taken[index - 1] if index else float("-inf")
        since = min(last_taken, at - MEMORY)
        return before - bisect_left(failed, since) >= LEAST


def _ticks(span: Span, step: float) -> Iterator[float]:
    return (span.start + number * step for number in range(int((span.end - span.start) / step)))


def _in_order(times: Mapping[str, list[float]]) -> dict[str, list[float]]:
    return {worker: sorted(some) for worker, some in times.items()}
