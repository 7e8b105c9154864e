"""Which Pythons the fast tests run on, and with what."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import pythons
from tests.support.pythons import LEFT_OUT, LOCK, interpreter, main, selected, supported

RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"


def names(lock: str) -> set[str]:
    """The packages of a lock."""
    return set(re.findall(r"^([A-Za-z0-9._-]+)(?:\[.*\])?==", lock, re.MULTILINE))


def test_three_are_supported() -> None:
    """The Pythons are those that the project names."""
    assert supported() == ["3.11", "3.12", "3.13"]


def test_what_is_installed() -> None:
    """The lock is taken as it is, hashes and all, but for what is left out, all of which is in it."""
    lock = LOCK.read_text("utf-8")
    assert names(lock) - names(selected(lock)) == LEFT_OUT
    assert selected(lock).count("--hash=") > len(names(selected(lock)))


def test_one_that_is_here() -> None:
    """A Python that is here can make environments."""
    found = interpreter(RUNNING)
    if found is not None:
        assert subprocess.run([found, "-c", "import venv"], check=False).returncode == 0


def test_one_that_is_not_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Python that is not here is named, and fails nothing."""
    monkeypatch.setattr(pythons, "supported", lambda: [RUNNING, "3.99"])
    monkeypatch.setattr(pythons, "CACHE", tmp_path)
    assert interpreter("3.99") is None
    assert main([]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"Python {RUNNING}: this one, which `make test` is for",
        "Python 3.99: not here, so not tested",
    ]
