"""Which files have changed, by comparing their stamps from look to look.

The rule: a change counts once the file has stayed the same from one look to the next, so that nothing half
written is read; it counts until it is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

LOOK_SECONDS = 0.5
"""Seconds between two looks; a change counts at the second look that sees it."""

AGAIN_SECONDS = 5.0
"""Seconds until unusable files are tried again, though they have not changed."""


def stays(problem: str) -> str:
    """The line for files that can't be used as they are now."""
    return f"{problem}; what was read before stays in use"


class Stamp(NamedTuple):
    """What identifies a version of a file: device, inode, size, and two times in nanoseconds."""

    device: int
    inode: int
    size: int
    written_ns: int
    changed_ns: int


Look = Mapping[Path, Stamp | None]
"""The stamps of files at one moment; None for an absent file."""


class ChangedFiles:
    """Compares looks; a file that it has not seen yet has changed."""

    def __init__(self) -> None:
        self._taken: dict[Path, Stamp | None] = {}
        self._before: Look = {}

    def look(self, stamps: Look) -> list[Path]:
        """Compare with the look before; return the files that have changed and are stable."""
        before, self._before = self._before, dict(stamps)
        return [
            path
            for path, stamp in stamps.items()
            if (path not in self._taken or self._taken[path] != stamp)
            and path in before
            and before[path] == stamp
        ]

    def take(self, stamps: Look) -> None:
        """Note that the files were read as they were at a look."""
        self._taken.update(stamps)
