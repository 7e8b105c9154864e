"""Stamps of files (device, inode, size, times), to tell whether they have changed.

The rule: links are followed, and only plain files are looked at.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable
from pathlib import Path

from worker.core.changed_files import Look, Stamp


def look_at(paths: Iterable[Path]) -> Look:
    """Look at files; blocks for as long as the disk takes."""
    return {path: _stamp(path) for path in paths}


def _stamp(path: Path) -> Stamp | None:
    """None if it is absent, or no plain file: a pipe can be read only once."""
    try:
        of = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(of.st_mode):
        return None
    return Stamp(of.st_dev, of.st_ino, of.st_size, of.st_mtime_ns, of.st_ctime_ns)
