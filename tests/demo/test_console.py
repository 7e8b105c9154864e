"""The console beside the demonstration, as a newcomer opens it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.support.kafka import wait_until

pytestmark = pytest.mark.process
WELL = ({"flowing"}, {"idle"}, {"flowing", "idle"})


@pytest.mark.usefixtures("heeds_interrupts")
def test_the_console_beside_it(tmp_path: Path) -> None:
    """It says where its console is; that shows both networks, calls no start stuck, and ends with it."""
    said = tmp_path / "said"
    with said.open("wb") as stderr:
        program = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "worker",
                "demo",
                "--events",
                "20",
                "--failures",
                "0",
                "--console",
                "--linger",
            ],
            cwd=tmp_path,
            env={**os.environ},
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    try:
        wait_until("it says where", lambda: address_in(said) is not None)
        address = address_in(said)
        assert address is not None
        wait_until("both are well", lambda: verdicts_at(address) in WELL, 40.0)
        program.send_signal(signal.SIGINT)
        assert program.wait(30) == 0
    finally:
        program.kill()
        program.wait()


def address_in(file: Path) -> str | None:
    """Where the console is, once that is said."""
    found = re.search(r"the console is at http://(127\.0\.0\.1:\d+)/", file.read_text("utf-8"))
    return None if found is None else found[1]


def verdicts_at(address: str) -> set[str]:
    """The words of the verdicts on the first view."""
    with urlopen(f"http://{address}/", timeout=10) as answer:
        page = answer.read().decode()
    assert "momentscience" in page
    assert "voluum" in page
    words = set(re.findall(r"<strong>([a-z …]+)</strong>", page))
    assert "stuck" not in words
    return words
