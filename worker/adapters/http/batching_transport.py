"""Lets aiohttp write through the write batch, so that the requests of one turn leave together.

The rule: only the writing is different. All else is asked of the transport itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from worker.adapters.http.write_batch import Way, WriteBatch


class BatchingTransport:
    """Stands before a transport, for one who writes each request in one piece."""

    def __init__(self, transport: asyncio.Transport, write_batch: WriteBatch) -> None:
        self._way = Way(transport)
        self.is_closing = transport.is_closing
        self._transport = transport
        self._write_batch = write_batch
        self._asked = False

    @property
    def waits(self) -> bool:
        """Whether nothing of the request has left, be it that it has not been written here yet."""
        return not self._asked or bool(self._way.unsent)

    def expect(self) -> None:
        """Get ready for a new request."""
        self._asked = False

    def recall(self) -> bool:
        """Take back the request, so that it never leaves; False where some of it may have left.

        It is asked where the transport is ending, so that what is written here later does not leave either.
        """
        return self._way.recall() or not self._asked

    def write(self, data: bytes) -> None:
        """Write at the end of this turn; a transport that is closed by then takes nothing."""
        self._asked = True
        self._write_batch.put(self._way, data)

    def writelines(self, pieces: Iterable[bytes]) -> None:
        """Write pieces as one: so aiohttp writes a head and its body."""
        self.write(b"".join(pieces))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
