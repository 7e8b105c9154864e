"""aiohttp is loaded without authorities that nobody asks."""

from __future__ import annotations

import ssl
import subprocess
import sys

import pytest

SAY = """
from worker.adapters.lean_aiohttp import load_aiohttp
load_aiohttp()
from aiohttp import connector
from worker.adapters.http.tls import system_tls
print(*(one.cert_store_stats()["x509_ca"] for one in (
    connector._SSL_CONTEXT_VERIFIED, connector._SSL_CONTEXT_UNVERIFIED, system_tls())))
"""


def test_who_is_trusted() -> None:
    """The contexts of aiohttp, which nobody uses, have no authorities; a sender's has the system's."""
    done = subprocess.run([sys.executable, "-c", SAY], capture_output=True, text=True, check=True)
    authorities = ssl.create_default_context().cert_store_stats()["x509_ca"]
    if not authorities:
        pytest.skip("this system knows no authorities")
    assert [int(word) for word in done.stdout.split()] == [0, 0, authorities]


def test_loaded_once() -> None:
    """Where aiohttp is loaded already, nothing is touched."""
    code = (
        "import aiohttp, ssl; from worker.adapters.lean_aiohttp import load_aiohttp; load_aiohttp();"
        " print('set_default_verify_paths' in vars(ssl.SSLContext))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
