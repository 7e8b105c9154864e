"""The package as a producer installs it: light, typed, whole."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent

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


class Producer:
    """Keeps what a Kafka producer would send."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, bytes]] = []

    def produce(self, topic: str, *, key: str, value: bytes) -> None:
        self.sent.append((topic, key, value))


@pytest.mark.parametrize("name", schemas.__all__)
def test_public_names(name: str) -> None:
    """Every public name is there and says what it promises."""
    assert getattr(schemas, name).__doc__


def test_the_example_runs() -> None:
    """The example of the package's own docstring runs as it is written, and what it sends is an event."""
    assert schemas.__doc__ is not None
    lines = [line for line in schemas.__doc__.splitlines() if line.startswith("    ") or not line]
    producer = Producer()
    exec(dedent("\n".join(lines)), {"session": {}, "producer": producer})  # noqa: S102 - our own text
    ((topic, key, value),) = producer.sent
    event = schemas.decode(value, now=time.time())
    assert (topic, key) == ("conversions", event.click_id)
    assert (event.event, event.payout_text, event.order_id) == ("purchase", "49.99", "1001")


def test_typed() -> None:
    """The package tells type checkers that it is typed."""
    assert Path(schemas.__file__).with_name("py.typed").exists()
