"""How a console ends: a signal ends what is under way, within bounds, and another one ends it at once."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from tests.e2e.program import Program, settings
from tests.support.kafka import Names, wait_until

pytestmark = pytest.mark.process


def test_a_second_signal(names: Names, tmp_path: Path) -> None:
    """While its threads wait for a broker that answers nothing, a second SIGTERM ends it at once."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        env = settings(f"127.0.0.1:{silent.getsockname()[1]}", names)
        with Program(env, tmp_path, words=("console", "--port", "0")) as console:
            console.said("started")

            def has_ended() -> bool:
                console.send(signal.SIGTERM)  # the first begins the end, which takes it seconds here
                return not console.alive

            wait_until("it has ended", has_ended)
            assert console.ended() == 1
        assert console.lines[-1] == "stopped at once"


def test_one_signal(names: Names, tmp_path: Path) -> None:
    """With one it ends by itself, although the broker never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        env = settings(f"127.0.0.1:{silent.getsockname()[1]}", names)
        with Program(env, tmp_path, words=("console", "--port", "0")) as console:
            console.said("started")
            assert console.end() == 0
        assert console.log[-1]["event"] == "stopped"
