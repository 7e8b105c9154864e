"""A world for each test."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog

from tests.renewal.world import World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Files, and nothing new in them."""
    structlog.reset_defaults()
    made = World(tmp_path)
    monkeypatch.setattr("worker.renewal.make_sender", made.make_sender)
    return made
