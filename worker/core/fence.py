"""May we act? One fence for all that speaks against it: what does not get through, and a standstill.

The rules, as a table; a commit counts for what was in doubt when it began, and no later doubt:

| state | commits are late | the process stood still | a commit counted | send | publish |
| --- | --- | --- | --- | --- | --- |
| OPEN | STUCK | IN_DOUBT | OPEN | yes | yes |
| STUCK | STUCK | IN_DOUBT | OPEN | no | yes |
| IN_DOUBT | IN_DOUBT | IN_DOUBT | OPEN, if it began since | no | no |

STUCK: what is finished piles up, and a crash would send all of it again; what is ours is sure. IN_DOUBT:
nobody tells a member that stands still what it lost, so even a retry may be another's to publish by now.
While steps can't be journaled nothing is sent in any state: what it came to could not be committed.
"""

from __future__ import annotations

from enum import Enum


class Fenced(Enum):
    """How far the fence lets us."""

    OPEN = "open"
    STUCK = "stuck"
    IN_DOUBT = "in_doubt"


class Fence:
    """Told of what happens; each tells whether that changed the state."""

    def __init__(self) -> None:
        self.state = Fenced.OPEN
        self.unjournaled = False
        """Whether steps can't be journaled."""
        self._doubts = self._settled = 0

    @property
    def may_send(self) -> bool:
        """Whether a request may be started."""
        return self.state is Fenced.OPEN and not self.unjournaled

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

    def _become(self, state: Fenced) -> bool:
        before, self.state = self.state, state
        return before is not state
