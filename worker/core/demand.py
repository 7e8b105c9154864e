"""How many records to ask for: enough to keep every lane busy while the next batch is on its way.

The rules: this is the one count of records asked for that have not come. A source is told the whole of it
each time; only its poll thread keeps a count of its own, for which records on their way to the loop have
come. More is asked for once a half is free. More often would cost too much: the poll thread waits for the
interpreter's lock each time, and calls of the loop that release the lock meanwhile wake it in vain.
"""

from __future__ import annotations

_NEVER = -1
_FOR_A_PROBE_RECORDS = 512
"""How many more are asked for at a probe, however few lanes there are: failing clicks may still be many."""


class Demand:
    """The demand of one destination; `ahead` is how many records are read ahead of the lanes."""

    def __init__(self, ahead: int) -> None:
        self._ahead = ahead
        self.open = 0
        """How many records were asked for and have not come."""
        self.low = ahead // 2
        """More is asked for while at most so many records are ready for the lanes."""
        self._grew = False

    def came(self, count: int) -> None:
        """Note that so many came; two sources together may hand over more than was asked for."""
        self._become(max(0, self.open - count))

    def grow(self, ready: int) -> None:
        """Ask for as many as there is room for ahead of the lanes, with `ready` records there already."""
        self._become(self._ahead - ready)
        self._grew = True

    def grow_for_probes(self) -> bool:
        """Ask for more than the lanes need; return False if that was asked for already."""
        if self.low < 0 or self.open * 2 > self._ahead:
            return False
        self._become(self.open + max(self._ahead, _FOR_A_PROBE_RECORDS))
        return True

    def close(self) -> None:
        """Ask for nothing more."""
        self._ahead, self.low = 0, _NEVER

    def asked_lately(self) -> bool:
        """Return whether records were asked for since the last call."""
        asked, self._grew = self._grew or self.open > 0, False
        return asked

    def _become(self, count: int) -> None:
        self.open = count
        self.low = max(self._ahead // 2 - count, _NEVER) if self._ahead else _NEVER
