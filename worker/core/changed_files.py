"""Which files have changed, told by what the system says of them at one look after another.

The rule: a change counts once the file has stood still from one look to the next, so that nothing half
written is read; it counts until it is taken note of.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

LOOK_SECONDS = 0.5
"""Between two looks; a change counts at the second one that sees it."""

AGAIN_SECONDS = 5.0
"""Until files that were wrong are tried again, though they have not changed."""


def stays(problem: str) -> str:
    """What is told where files can't be used as they are now."""
    return f"{problem}; what was read before stays in use"


class Stamp(NamedTuple):
    """What changes with a file: another file in its place, its size, and two times in nanoseconds."""

    device: int
    inode: int
    size: int
    written_ns: int
    changed_ns: int


Look = Mapping[Path, Stamp | None]
"""The files at one moment; None for one that is not there."""


class ChangedFiles:
    """Compares looks; whatever it has not seen yet has changed."""

    def __init__(self) -> None:
        self._taken: dict[Path, Stamp | None] = {}
        self._before: Look = {}

    def look(self, seen: Look) -> list[Path]:
        """Take a look, and name the files that have changed and stand still."""
        before, self._before = self._before, dict(seen)
        return [
            path
            for path, stamp in seen.items()
            if (path not in self._taken or self._taken[path] != stamp)
            and path in before
            and before[path] == stamp
        ]

    def take(self, seen: Look) -> None:
        """Note that the files have been read as they were at a look."""
        self._taken.update(seen)
