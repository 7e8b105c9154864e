"""Ports of this machine that a test may listen on.

The rule: none is given twice, nor to two processes that run tests side by side.
"""

from __future__ import annotations

import os
import random
import socket

HOST = "127.0.0.1"

_GIVEN: set[int] = set()
"""The ports that were returned so far."""
SIDES = 16
"""Most processes that run tests side by side; each draws ports of its own."""
SIDE = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % SIDES


def free_port() -> int:
    """Return a port that nobody listens on, below the range that outgoing connections are given theirs from.

    So it is still free when a killed broker comes back to it. None is returned twice, nor by two processes
    that run tests side by side: who got it may not listen yet.
    """
    while True:
        port = random.randrange(20_000, 32_000, SIDES) + SIDE
        if port in _GIVEN:
            continue
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        _GIVEN.add(port)
        return port


def listens(port: int) -> bool:
    """Whether anyone takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
