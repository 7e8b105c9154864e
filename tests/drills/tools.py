"""Kafka's own tools under their own names, for commands that a line of the worker or the runbook gives.

The rule: they are what the distribution's scripts start, from the jars of the tests' broker.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from tests.support.java import class_path, java

TOOLS: Mapping[str, str] = {
    "kafka-configs.sh": "kafka.admin.ConfigCommand",
}


def write_tools(folder: Path) -> None:
    """Write a script for each into a folder."""
    for name, main_class in TOOLS.items():
        start = [str(java()), "-XX:TieredStopAtLevel=1", "-Xmx128m", "-cp", class_path(), main_class]
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {shlex.join(start)} "$@"\n', "utf-8")
        script.chmod(0o755)
