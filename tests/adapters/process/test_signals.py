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
    assert done.stderr == "error: interrupted\n"


AGAIN = """
import os, signal, sys, time
from worker.adapters.process import signals, stderr

def end():
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)

stderr.install()
signals.set_up()
try:
    end()
except KeyboardInterrupt:
    with signals.last_words():
        os.kill(os.getpid(), signal.SIGINT)
        print(signals.INTERRUPTED, file=sys.stderr)
        os.kill(os.getpid(), signal.SIGHUP)
    sys.exit(1)
"""


@pytest.mark.usefixtures("heeds_interrupts")
def test_again_and_again() -> None:
    """However often a command is interrupted, before and while it says so, it says it once, in a line."""
    done = subprocess.run(
        [sys.executable, "-c", AGAIN], stderr=subprocess.PIPE, text=True, timeout=50, check=False
    )
    assert (done.returncode, done.stderr) == (1, "error: interrupted\n")


@pytest.mark.usefixtures("heeds_interrupts")
def test_once_it_is_said() -> None:
    """An interrupt after that ends the process at once."""
    program = AGAIN.replace("    sys.exit(1)", "    os.kill(os.getpid(), signal.SIGINT)\n    time.sleep(60)")
    done = subprocess.run(
        [sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, timeout=50, check=False
    )
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "error: interrupted\n")


def test_another_error_amid_a_finalizer() -> None:
    """Any other error there is told, as Python tells it."""
    program = PROGRAM.replace("os.kill(os.getpid(), int(sys.argv[1]))", "1 / 0").replace(
        "sleep(60)", "sleep(0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, timeout=50, check=True
    )
    assert "ZeroDivisionError" in done.stderr
