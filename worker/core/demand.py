"""How many records are asked for: what keeps every lane busy while the next batch is on its way.

The rules: this is the one count of what was asked for and has not come. A source is told the whole of it each
time, and keeps no count of its own but in the thread that hands over, for which what is on its way has come.
More is asked for once a half is free. Often would be dear: the thread that reads waits for the interpreter's
lock each time, and each call of the loop that lets go of the lock meanwhile wakes it in vain.
"""

from __future__ import annotations

_NEVER = -1
_FOR_A_PROBE_RECORDS = 512
"""So many more are asked for at a probe, however few the lanes: clicks that fail are not fewer for it."""


class Demand:
    """The demand of one destination; `ahead` is how many records are read ahead of the lanes."""

    def __init__(self, ahead: int) -> None:
        self._ahead = ahead
        self.open = 0
        """How many records were asked for, and have not come."""
        self.low = ahead // 2
        """More is asked for where no more than so many records are ready for the lanes."""
        self._grew = False

    def came(self, count: int) -> None:
        """Note that so many came; more may come than were asked for, of two sources."""
        self._become(max(0, self.open - count))

    def grow(self, ready: int) -> None:
        """Ask for what there is room for ahead of the lanes, where so many records are ready for them."""
        self._become(self._ahead - ready)
        self._grew = True

    def grow_for_probes(self) -> bool:
        """Ask for more than the lanes need; tell whether that is not asked for already."""
        if self.low < 0 or self.open * 2 > self._ahead:
            return False
        self._become(self.open + max(self._ahead, _FOR_A_PROBE_RECORDS))
        return True

    def close(self) -> None:
        """Ask for nothing any more."""
        self._ahead, self.low = 0, _NEVER

    def asked_lately(self) -> bool:
        """Tell whether records were asked for since this was last called."""
        asked, self._grew = self._grew or self.open > 0, False
        return asked

    def _become(self, count: int) -> None:
        self.open = count
        self.low = max(self._ahead // 2 - count, _NEVER) if self._ahead else _NEVER
