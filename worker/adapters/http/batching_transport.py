"""Lets aiohttp write through the write batch, so that the requests of one turn leave together.

The rule: only writing differs. Everything else is passed on to the transport itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from worker.adapters.http.write_batch import SocketWriter, WriteBatch


class BatchingTransport:
    """Stands in for a transport whose user writes each request in one piece, as a rule."""

    def __init__(self, transport: asyncio.Transport, write_batch: WriteBatch) -> None:
        self._writer = SocketWriter(transport)
        self.is_closing = transport.is_closing
        self._transport = transport
        self._write_batch = write_batch
        self._asked = False

    @property
    def waits(self) -> bool:
        """Whether nothing of the request has left, or it has not even been written here yet."""
        return not self._asked or bool(self._writer.unsent)

    def expect(self) -> None:
        """Get ready for a new request."""
        self._asked = False

    def recall(self) -> bool:
        """Take back the request, so that it never leaves; False if some of it may have left.

        Call it only when the transport is ending: then what is written here later does not leave either.
        """
        return self._writer.recall() or not self._asked

    def write(self, data: bytes) -> None:
        """Write at the end of this turn or sooner; a transport that is closed by then takes nothing."""
        self._asked = True
        self._write_batch.put(self._writer, self._writer.unsent + data)

    def writelines(self, pieces: Iterable[bytes]) -> None:
        """Write pieces as one; aiohttp writes a head and its body this way."""
        self.write(b"".join(pieces))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
