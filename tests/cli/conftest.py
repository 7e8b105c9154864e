"""A partner for each test."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.cli.local_partner import Partner


@pytest.fixture
def partner() -> Iterator[Partner]:
    """A partner on this machine."""
    with Partner() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
