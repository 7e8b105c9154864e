"""The package as a producer installs it: light, typed, whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import schemas

PRODUCER = """
import sys
from schemas import *
heavy = {"worker", "aiohttp", "confluent_kafka", "httptools", "pydantic_settings", "structlog", "asyncio"}
print(sorted(heavy & sys.modules.keys()))
"""


def test_pydantic_is_enough() -> None:
    """Producers import the contracts without the worker and without its libraries."""
    done = subprocess.run(
        [sys.executable, "-c", PRODUCER], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", schemas.__all__)
def test_public_names(name: str) -> None:
    """Every public name is there and says what it promises."""
    assert getattr(schemas, name).__doc__


def test_typed() -> None:
    """The package tells type checkers that it is typed."""
    assert Path(schemas.__file__).with_name("py.typed").exists()
