"""May we act? One fence for all that speaks against it, of the whole worker and of a partition.

Of the whole worker; a commit counts for what was in doubt when it began, and no later doubt:

| state | commits are late | the process stood still | a commit counted | send | publish |
| --- | --- | --- | --- | --- | --- |
| OPEN | STUCK | IN_DOUBT | OPEN | yes | yes |
| STUCK | STUCK | IN_DOUBT | OPEN | no | yes |
| IN_DOUBT | IN_DOUBT | IN_DOUBT | OPEN, if it began since | no | no |

STUCK: what is finished piles up, and a crash would send all of it again; what is ours is sure. IN_DOUBT:
nobody tells a member that stands still what it lost, so even a retry may be another's to publish by now.
While a bar stands nothing is sent in any state.

Of a partition, from its assignment on:

| tenure | drained | its log is deleted | given away, or lost | take records | end them | commit |
| --- | --- | --- | --- | --- | --- | --- |
| OURS | DRAINING | DELETED | LEFT | yes | yes | yes |
| DRAINING | DRAINING | DELETED | LEFT | no | yes | yes |
| DELETED | DELETED | DELETED | DELETED | no | yes: nobody else has them | no |
| LEFT | LEFT | LEFT | LEFT | no | no: they are another's | no |
"""

from __future__ import annotations

from enum import Enum


class Fenced(Enum):
    """How far the fence lets the worker."""

    OPEN = "open"
    STUCK = "stuck"
    IN_DOUBT = "in_doubt"


class Bar(Enum):
    """What else speaks against sending."""

    UNJOURNALED = "unjournaled"
    """Steps can't be written: what a request came to could not be committed."""
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
        """Whether what is under way may be published, and is waited for."""
        self.is_ours = is_ours
        """Whether it may be committed."""

    def drained(self) -> Tenure:
        """What follows where it is to be given away."""
        return Tenure.DRAINING if self.is_ours else self

    def deleted(self) -> Tenure:
        """What follows where its log is no more."""
        return Tenure.DELETED if self.is_ours else self

    def left(self) -> Tenure:
        """What follows where it was given away, or lost."""
        return Tenure.LEFT if self.is_ours else self


class Fence:
    """Told of what happens; each tells whether that changed what may be done."""

    def __init__(self) -> None:
        self.state = Fenced.OPEN
        self.bars: set[Bar] = set()
        self.may_send = True
        """Whether a request may be started."""
        self._doubts = self._settled = 0

    @property
    def may_publish(self) -> bool:
        """Whether a retry or a dead letter may be published."""
        return self.state is not Fenced.IN_DOUBT

    @property
    def needs_commit(self) -> bool:
        """Whether a commit has to tell what is ours, also where nothing is new."""
        return self._doubts != self._settled

    def late(self) -> bool:
        """Note that commits have not counted for too long."""
        return self._become(Fenced.STUCK) if self.state is Fenced.OPEN else False

    def stood_still(self) -> bool:
        """Note that the process stood still: what is ours is in doubt."""
        self._doubts += 1
        return self._become(Fenced.IN_DOUBT)

    def begins(self) -> int:
        """Note that a commit begins; give what it returns to `counted`."""
        return self._doubts

    def counted(self, began: int) -> bool:
        """Note that the commit which began then has counted."""
        self._settled = began
        return self._become(Fenced.OPEN) if began == self._doubts else False

    def bar(self, bar: Bar, *, stands: bool) -> bool:
        """Note whether a bar stands."""
        if stands is (bar in self.bars):
            return False
        (self.bars.add if stands else self.bars.remove)(bar)
        self._become(self.state)
        return True

    def _become(self, state: Fenced) -> bool:
        before, self.state = self.state, state
        self.may_send = state is Fenced.OPEN and not self.bars
        return before is not state
