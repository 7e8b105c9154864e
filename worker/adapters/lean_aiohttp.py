"""aiohttp, loaded without reading the system's authorities: a tenth of the start.

As it is loaded, aiohttp makes two TLS contexts, and reads the system's authorities for both. The rule:
neither is used, so neither reads them, and one that verifies believes nobody. A sender brings its own.
"""

from __future__ import annotations

import importlib
import ssl
import sys

_NAME = "set_default_verify_paths"


def _read_nothing(_context: ssl.SSLContext) -> None:
    """Stands in for what reads them."""


def load_aiohttp() -> None:
    """Load aiohttp; call it before any other thread runs and before anything else imports aiohttp."""
    if "aiohttp" in sys.modules:
        return
    setattr(ssl.SSLContext, _NAME, _read_nothing)
    try:
        importlib.import_module("aiohttp")
    finally:
        delattr(ssl.SSLContext, _NAME)  # Python's own is inherited
