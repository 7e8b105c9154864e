"""May we act? One fence for everything that forbids it, for the whole worker and for each partition.

For the whole worker; a commit settles what was in doubt when it began, but no later doubt:

| state | commits are late | the process stood still | a commit counted | send | publish |
| --- | --- | --- | --- | --- | --- |
| OPEN | STUCK | IN_DOUBT | OPEN | yes | yes |
| STUCK | STUCK | IN_DOUBT | OPEN | no | yes |
| IN_DOUBT | IN_DOUBT | IN_DOUBT | OPEN, if it began since | no | no |

STUCK: finished work piles up uncommitted, and a crash would send all of it again; but it is certain what is
ours. IN_DOUBT: a member that stood still is not told what it lost, so even a retry may be another's to
publish by now. While a bar stands, nothing is sent in any state. For a partition, from its assignment on:

| tenure | drained | its log is deleted | given up, or lost | take records | end them | commit |
| --- | --- | --- | --- | --- | --- | --- |
| OURS | DRAINING | DELETED | LEFT | yes | yes | yes |
| DRAINING | DRAINING | DELETED | LEFT | no | yes | yes |
| DELETED | DELETED | DELETED | DELETED | no | yes: nobody else has them | no |
| LEFT | LEFT | LEFT | LEFT | no | no: they are another's | no |
"""

from __future__ import annotations

from enum import Enum


class FenceState(Enum):
    """The state of the fence."""

    OPEN = "open"
    STUCK = "stuck"
    IN_DOUBT = "in_doubt"


class Bar(Enum):
    """Other reasons not to send."""

    UNJOURNALED = "unjournaled"
    """Steps can't be written, so the outcome of a request could not be committed."""
    PAUSED = "paused"
    """An operator's order."""


class Tenure(Enum):
    """Whether a partition is ours, and what may be done with it."""

    OURS = (True, True, True)
    DRAINING = (False, True, True)
    DELETED = (False, True, False)
    LEFT = (False, False, False)

    def __init__(self, takes: bool, ends: bool, is_ours: bool) -> None:
        self.takes = takes
        """Whether its records may be taken up and sent."""
        self.ends = ends
        """Whether what is under way may be published, and is awaited."""
        self.is_ours = is_ours
        """Whether it may be committed."""

    def drained(self) -> Tenure:
        """The tenure once it is being revoked."""
        return Tenure.DRAINING if self.is_ours else self

    def deleted(self) -> Tenure:
        """The tenure once its log is deleted."""
        return Tenure.DELETED if self.is_ours else self

    def left(self) -> Tenure:
        """The tenure once it was given up or lost."""
        return Tenure.LEFT if self.is_ours else self


class Fence:
    """Notes what happens; each method returns whether that changed what may be done."""

    def __init__(self) -> None:
        self.state = FenceState.OPEN
        self.bars: set[Bar] = set()
        self.may_send = True
        """Whether a request may be started."""
        self._doubts = self._settled = 0

    @property
    def may_publish(self) -> bool:
        """Whether a retry or a dead letter may be published."""
        return self.state is not FenceState.IN_DOUBT

    @property
    def needs_commit(self) -> bool:
        """Whether a commit must show what is ours, even without anything new."""
        return self._doubts != self._settled

    def late(self) -> bool:
        """Note that no commit has counted for too long."""
        return self._become(FenceState.STUCK) if self.state is FenceState.OPEN else False

    def stood_still(self) -> bool:
        """Note that the process stood still, so that it is in doubt what is ours."""
        self._doubts += 1
        return self._become(FenceState.IN_DOUBT)

    def begins(self) -> int:
        """Note that a commit begins; pass the returned value to `counted`."""
        return self._doubts

    def counted(self, began: int) -> bool:
        """Note that the commit which began then has counted."""
        self._settled = began
        return self._become(FenceState.OPEN) if began == self._doubts else False

    def bar(self, bar: Bar, *, stands: bool) -> bool:
        """Note whether a bar stands."""
        if stands is (bar in self.bars):
            return False
        (self.bars.add if stands else self.bars.remove)(bar)
        self._become(self.state)
        return True

    def _become(self, state: FenceState) -> bool:
        before, self.state = self.state, state
        self.may_send = state is FenceState.OPEN and not self.bars
        return before is not state
