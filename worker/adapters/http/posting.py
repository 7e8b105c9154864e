"""Lets aiohttp write through the outbox, so that the requests of one turn leave together.

The rule: only the writing is different. All else is asked of the transport itself.
"""

from __future__ import annotations

import asyncio
from typing import Any

from worker.adapters.http.outbox import Outbox, Way


class Posting:
    """Stands before a transport, for one who writes each request in one piece."""

    def __init__(self, transport: asyncio.Transport, outbox: Outbox) -> None:
        self._transport = transport
        self._outbox = outbox
        self._way = Way(transport)
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Write at the end of this turn; a transport that is closed by then takes nothing."""
        self._outbox.put(self._way, data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
