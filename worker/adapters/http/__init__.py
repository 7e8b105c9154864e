"""Sending postbacks over HTTP: two transports with one behaviour, chosen by the settings.

The rules: a transport that relies on a library's internals runs only on versions that it has been proven on.
Libraries are loaded when a sender is made: a command that sends nothing need not wait for them.
"""

from __future__ import annotations

from typing import Literal

from worker.adapters.http.libraries import UnprovenLibrary, check_libraries
from worker.adapters.http.options import SenderOptions
from worker.adapters.http.tls import ClientTls, TlsFiles, WrongTlsFiles, load_tls
from worker.ports import Sender

__all__ = [
    "ClientTls",
    "SenderOptions",
    "TlsFiles",
    "UnprovenLibrary",
    "WrongTlsFiles",
    "check_libraries",
    "load_tls",
    "make_sender",
]


def make_sender(transport: Literal["direct", "session"], options: SenderOptions) -> Sender:
    """Make the sender of a transport; call it where the event loop runs.

    Raises ValueError for a proxy with `direct`, which can't use one, and UnprovenLibrary.
    """
    if transport == "session":
        from worker.adapters.http.session import SessionSender

        return SessionSender(options)
    check_libraries()
    from worker.adapters.http.direct import DirectSender

    return DirectSender(options)
