"""Marks what speaks over real sockets: it runs in `make test`, not among the fast tests of `make check`."""

from __future__ import annotations

from pathlib import Path

import pytest

WIRE = tuple(Path(__file__).with_name(name) for name in ("http", "kafka"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of the HTTP and Kafka adapters."""
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in WIRE):
            item.add_marker(pytest.mark.wire)
