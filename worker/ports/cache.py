"""Where what is remembered of conversions outlives a process, on this machine alone.

The rule: it can be thrown away at any time; what it holds is read from Kafka where it is gone. What the
machine refuses raises OSError.
"""

from __future__ import annotations

from typing import Protocol

from worker.core.binding import LogId
from worker.core.ids_cache import Cached, Owner


class CacheDraft(Protocol):
    """A cache that is being written."""

    async def write(self, piece: bytes) -> None:
        """Write what follows."""
        ...

    async def keep(self) -> None:
        """Put it in the place of the one before it, whole."""
        ...

    def drop(self) -> None:
        """Forget it, where it was not kept; raises and awaits nothing."""
        ...


class Cache(Protocol):
    """The cache of one destination."""

    @property
    def name(self) -> str:
        """Where it lies, for a line to an operator."""
        ...

    @property
    def owner(self) -> Owner:
        """Whose memory it holds."""
        ...

    def read(self, log: LogId) -> Cached | None:
        """What was kept of this log, None where nothing was; raise NotBelieved where it differs. Blocking."""
        ...

    async def draft(self) -> CacheDraft:
        """Begin to write."""
        ...

    def close(self) -> None:
        """Leave it to another process; idempotent."""
        ...
