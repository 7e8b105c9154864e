"""What `run` loads before its first record: each module is paid for at each start, restart and scale-up.

The rule: no clock is asked; what is loaded is counted, as Python itself tells of it.
"""

from __future__ import annotations

import os
import re
import sys
from functools import cache
from pathlib import Path
from unittest.mock import patch

import pytest

from tests.e2e.program import Program, settings
from tests.support.kafka import Names
from tests.support.ports import free_port

pytestmark = pytest.mark.process

NOT_NEEDED = (
    *("rich.console", "pygments", "markdown_it"),  # for tables and help
    *("opentelemetry", "requests"),  # for tracing
    "regex",  # for expressions on bodies
    *("multiprocessing", "unittest", "sqlite3"),
    *("worker.demo", "worker.ops", "worker.console"),
)
"""Packages that no run with the defaults needs."""

MOST_MODULES = 889
"""A twentieth more than it loads: whoever loads more looks first whether `run` needs it at its start."""

_LOADED = re.compile(r"import time:\s+\d+ \|\s+\d+ \|\s+([\w.]+)")


@cache
def _loaded(at: Path) -> frozenset[str]:
    """The modules that `run` has loaded once it has started, where no broker answers."""
    env = settings(f"127.0.0.1:{free_port()}", Names("start", "start"))
    command = [sys.executable, "-X", "importtime", "-m", "worker"]
    without_coverage = {name: text for name, text in os.environ.items() if not name.startswith("COVERAGE_")}
    with patch.dict(os.environ, without_coverage, clear=True), Program(env, at, command=command) as program:
        program.said("started")
        return frozenset(found[1] for line in list(program.lines) if (found := _LOADED.match(line)))


@pytest.fixture
def loaded(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """What one run has loaded, for all tests."""
    return _loaded(tmp_path_factory.getbasetemp())


@pytest.mark.parametrize("name", NOT_NEEDED)
def test_what_is_not_needed_is_not_loaded(name: str, loaded: frozenset[str]) -> None:
    """A run that starts has not loaded what it has no use for."""
    assert "worker.app" in loaded
    assert not [one for one in loaded if one == name or one.startswith(f"{name}.")]


def test_no_more_is_loaded(loaded: frozenset[str]) -> None:
    """A run that starts loads no more modules than it did."""
    assert MOST_MODULES * 0.9 < len(loaded) <= MOST_MODULES, len(loaded)
