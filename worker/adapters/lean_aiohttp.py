"""aiohttp, loaded without the authorities of its context that verifies nothing: a twentieth of the start.

As it is loaded, aiohttp makes two TLS contexts, and reads the system's authorities for both. The rule: the
context that verifies reads them as always; the other one, which nothing here uses, does not.
"""

from __future__ import annotations

import importlib
import ssl
import sys

_NAME = "set_default_verify_paths"
_read_authorities = ssl.SSLContext.set_default_verify_paths


def _read_if_needed(context: ssl.SSLContext) -> None:
    if context.verify_mode is not ssl.CERT_NONE:
        _read_authorities(context)


def load_aiohttp() -> None:
    """Load aiohttp; call it before any other thread runs and before anything else imports aiohttp."""
    if "aiohttp" in sys.modules:
        return
    setattr(ssl.SSLContext, _NAME, _read_if_needed)
    try:
        importlib.import_module("aiohttp")
    finally:
        delattr(ssl.SSLContext, _NAME)  # Python's own is inherited
