"""The demonstration, when whoever looks at it is impatient."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.demo.test_demo import read_all_of, text_of
from tests.support.kafka import wait_until

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("heeds_interrupts")]

SHOW_CURSOR = b"\x1b[?25h"


def interrupted_twice(*options: str, at: Path) -> tuple[int, bytes, str]:
    """Run it on a terminal with Ctrl-C twice amid its work; return its exit code and all that was shown."""
    ours, theirs = pty.openpty()
    shown: list[bytes] = []
    reader = threading.Thread(target=read_all_of, args=(ours, shown))
    reader.start()
    program = subprocess.Popen(
        [sys.executable, "-m", "worker", "demo", "--failures", "1", *options],
        cwd=at,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "160"},
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        wait_until("the network hangs", lambda: "slow: 1" in text_of(shown))
        before = len(shown)
        program.send_signal(signal.SIGINT)
        wait_until("it drew once more, or ended", lambda: len(shown) > before or program.poll() is not None)
        program.send_signal(signal.SIGINT)
        code = program.wait(30)
    finally:
        program.kill()
        program.wait()
        reader.join()
        os.close(ours)
    return code, b"".join(shown), text_of(shown)


@pytest.mark.parametrize(
    ("options", "last"), [((), "error: interrupted"), (("--linger",), "stopped at once")]
)
def test_ctrl_c_twice(tmp_path: Path, options: tuple[str, ...], last: str) -> None:
    """It ends with exit 1 and one line, last of all, and the terminal shows its cursor again."""
    code, shown, text = interrupted_twice(*options, at=tmp_path)
    assert code == 1
    assert "Traceback" not in text
    assert text.split("\r\n")[-2:] == [last, ""]
    assert shown.count(SHOW_CURSOR) == 1
