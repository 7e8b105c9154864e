"""Sending postbacks over HTTP: two transports with one behaviour, chosen by the settings.

The rule: a transport that leans on a library's insides runs only on the versions that it has been proven on.
"""

from __future__ import annotations

from typing import Literal

from worker.adapters.http.direct import DirectSender
from worker.adapters.http.errors import UnprovenLibrary
from worker.adapters.http.libraries import check_libraries
from worker.adapters.http.options import SenderOptions
from worker.adapters.http.session import SessionSender
from worker.adapters.http.tls import ClientTls, TlsFiles, WrongTlsFiles, load_tls
from worker.ports import Sender

__all__ = [
    "ClientTls",
    "DirectSender",
    "SenderOptions",
    "SessionSender",
    "TlsFiles",
    "UnprovenLibrary",
    "WrongTlsFiles",
    "check_libraries",
    "load_tls",
    "make_sender",
]


def make_sender(transport: Literal["direct", "session"], options: SenderOptions) -> Sender:
    """Make the sender of a transport; call it where the event loop runs.

    Raises ValueError for a proxy with `direct`, which has no way through one, and UnprovenLibrary.
    """
    if transport == "session":
        return SessionSender(options)
    check_libraries()
    return DirectSender(options)
