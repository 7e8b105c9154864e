"""An interrupt that comes where nobody can hear of it."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.process

PROGRAM = """
import os, signal, sys, time
from worker.adapters.process import signals

class Finalized:
    def __del__(self):
        os.kill(os.getpid(), int(sys.argv[1]))
        time.sleep(0)
        for _ in range(1000):
            pass

signals.set_up()
Finalized()
time.sleep(60)
"""


@pytest.mark.usefixtures("heeds_interrupts")
@pytest.mark.parametrize("ends", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_amid_a_finalizer(ends: signal.Signals) -> None:
    """An interrupt amid a finalizer, which Python would print and forget, ends the command."""
    line = [sys.executable, "-c", PROGRAM, str(int(ends))]
    done = subprocess.run(line, stderr=subprocess.PIPE, text=True, timeout=50, check=False)
    assert done.returncode == -signal.SIGINT
    assert done.stderr.splitlines()[-1] == "KeyboardInterrupt"
    assert "ignored" not in done.stderr


def test_another_error_amid_a_finalizer() -> None:
    """Any other error there is told, as Python tells it."""
    program = PROGRAM.replace("os.kill(os.getpid(), int(sys.argv[1]))", "1 / 0").replace(
        "sleep(60)", "sleep(0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, timeout=50, check=True
    )
    assert "ZeroDivisionError" in done.stderr
