"""The runbook's commands, run by a shell as they are written.

The rule: what a command leaves open is filled in, and nothing else changes; where it asks, somebody agrees.
"""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

WITHIN = 180.0  # seconds
WORKER = "HOST:8080"
"""Each worker in turn."""
WIDTH = "160"


class Done(NamedTuple):
    """What a command printed, stdout and stderr as they came, and its exit code."""

    line: str
    printed: str
    code: int


def filled(command: str, workers: Sequence[str], event: str, destination: str) -> list[str]:
    """The command lines that a command means: one, or one for each worker where it asks a worker."""
    for open_, value in {
        "TEXT": "maintenance",
        "EVENT_ID": event,
        "TEST": event,
        "NAME": destination,
    }.items():
        command = command.replace(open_, value)
    return [command.replace(WORKER, worker) for worker in workers] if WORKER in command else [command]


def run(line: str, env: Mapping[str, str], folder: Path) -> Done:
    """Run a line in a folder, and say yes to what it asks."""
    ours, theirs = pty.openpty()
    os.write(ours, b"y\n" * 2)
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", line],
            env={**env, "COLUMNS": WIDTH, "NO_COLOR": "1"},
            cwd=folder,
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=WITHIN,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    return Done(line, done.stdout.rstrip(), done.returncode)
