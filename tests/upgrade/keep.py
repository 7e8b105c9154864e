"""Keeps what today's version leaves in Kafka: `python -m tests.upgrade.keep VERSION`, at each release.

The rule: what is kept never changes, so a version that is there already is refused.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.upgrade.state import KEPT
from tests.upgrade.story import play


def keep(version: str) -> Path:
    """Write what this version leaves; raise FileExistsError where that is kept already."""
    path = KEPT / f"{version}.json"
    state = asyncio.run(play())
    with path.open("x", encoding="utf-8") as file:
        file.write(state.to_json())
    return path


if __name__ == "__main__":
    print(keep(sys.argv[1]))
