"""Settings of a test's own variables, and of nothing that the machine holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from worker.settings import Settings, SettingsError, load

NOTHING = Path("/nonexistent/.env")
DESTINATION = "POSTBACK_DESTINATION__"


def read(environ: Mapping[str, str] | None = None, dotenv: Path = NOTHING, **options: Any) -> Settings:
    """Settings of these sources alone."""
    return load(environ=environ or {}, dotenv=dotenv, **options)


def problems(environ: Mapping[str, str] | None = None, **options: Any) -> tuple[str, ...]:
    """What is said about these sources."""
    with pytest.raises(SettingsError) as caught:
        read(environ, **options)
    return caught.value.problems
