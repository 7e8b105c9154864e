"""The developer's door opens with make, a Python and nothing else."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

MADE = ROOT / ".venv/made-for"


def _make(path: Path, *arguments: str) -> str:
    """What make prints where the PATH leads to nothing but a Python, and a few words of coreutils."""
    make = shutil.which("make")
    assert make is not None
    for name in ("cat", "rm", "touch", "uname"):
        (path / name).symlink_to(shutil.which(name) or name)
    (path / "python3").symlink_to(sys.executable)
    done = subprocess.run(
        [make, *arguments], cwd=ROOT, env={"PATH": str(path)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def test_the_list_of_targets(tmp_path: Path) -> None:
    """`make` lists each target that says what it does."""
    told = re.findall(r"^([a-z]+):.*## (.*)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert _make(tmp_path).splitlines() == [f"make {name}".ljust(14) + text for name, text in told]


@pytest.mark.skipif(not MADE.exists(), reason="what runs these tests was not made by make")
def test_what_is_set_up_stays(tmp_path: Path) -> None:
    """What was set up once is not set up again, whatever tools are missing."""
    assert "venv --clear" not in _make(tmp_path, "-n", "demo")
