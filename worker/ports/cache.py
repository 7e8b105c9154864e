"""A cache of remembered conversions that outlives the process, on this machine.

The rule: it can be deleted at any time; then everything is read from Kafka again. Failures of the machine
raise OSError.
"""

from __future__ import annotations

from typing import Protocol

from worker.core.binding import LogId
from worker.core.ids_cache import CacheContents, CacheOwner


class CacheDraft(Protocol):
    """A new version of the cache, being written."""

    async def write(self, piece: bytes) -> None:
        """Write the next piece."""
        ...

    async def keep(self) -> None:
        """Replace the former version, atomically."""
        ...

    def drop(self) -> None:
        """Delete it, unless it was kept; raises and awaits nothing."""
        ...


class Cache(Protocol):
    """The cache of one destination."""

    @property
    def name(self) -> str:
        """Its location, for messages."""
        ...

    @property
    def owner(self) -> CacheOwner:
        """Whose memory it holds."""
        ...

    def read(self, log: LogId) -> CacheContents | None:
        """What was kept of this log, or None; raise NotBelieved if it is of another. Blocking."""
        ...

    async def draft(self) -> CacheDraft:
        """Begin a new version."""
        ...

    def close(self) -> None:
        """Release it for another process; idempotent."""
        ...
