"""The handwritten peer in Go, built where Go is installed.

The rule: who has no Go misses a row, and is told so; nothing else of a run depends on it.
"""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).parent / "contenders" / "go"
BINARY = Path(".cache/bench/go-peer")
USUAL_PLACE = "/usr/local/go/bin/go"
BUILD_SECONDS = 600

MISSING = "Go is not installed"


class NoPeer(Exception):
    """There is no peer to run; the text says why."""


@cache
def build() -> Path:
    """Build the program, once; its modules come from the module proxy. Raises NoPeer."""
    go = next(filter(None, map(shutil.which, ("go", USUAL_PLACE))), None)
    if go is None:
        raise NoPeer(MISSING)
    BINARY.parent.mkdir(parents=True, exist_ok=True)
    line = [go, "build", "-o", str(BINARY.absolute()), "."]
    try:
        done = subprocess.run(
            line, cwd=SOURCE, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as late:
        raise NoPeer(f"go build took more than {BUILD_SECONDS} s") from late
    if done.returncode:
        raise NoPeer(f"go build failed: {done.stderr.strip().splitlines()[-1]}")
    return BINARY


def missing() -> str | None:
    """Why there is no peer to run; None where there is."""
    try:
        build()
    except NoPeer as why:
        return str(why)
    return None
