"""Reads over TLS: what came whole is handed over, though what came with it is broken.

The rule: an answer counts that came before a fault of TLS, such as an alert or a damaged record. asyncio and
uvloop read all that there is before they hand over any of it, and drop it if the reading ends in a fault.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

OnFault = Callable[[ssl.SSLError], object]
"""Ends a connection for a fault; what came before it has been handed over."""


class AnswerFirst(ssl.SSLObject):
    """Puts off a fault that follows what was read: `on_fault` hears of it in the next turn of the loop."""

    on_fault: OnFault = staticmethod(lambda _fault: None)
    _has_read = False

    def read(
        self,
        len: int = 1024,  # noqa: A002 - ssl calls it so
        buffer: WriteableBuffer | None = None,
    ) -> bytes:
        """Read some bytes; raise a fault only if nothing was read just before."""
        has_read, self._has_read = self._has_read, False
        try:
            some = super().read(len, buffer)
        except ssl.SSLWantReadError:
            raise
        except ssl.SSLError as fault:
            if not has_read:
                raise
            asyncio.get_running_loop().call_soon(self.on_fault, fault)
            raise ssl.SSLWantReadError from fault
        self._has_read = True
        return some


def answers_first(context: ssl.SSLContext) -> ssl.SSLContext:
    """The same context; its connections hand over what came before a fault."""
    context.sslobject_class = AnswerFirst
    return context


def watch_faults(transport: asyncio.BaseTransport, on_fault: OnFault) -> None:
    """Have a connection over TLS report faults that were put off."""
    tls = transport.get_extra_info("ssl_object")
    if tls is not None:
        tls.on_fault = on_fault
