"""What the system says of files, for whoever wants to know whether they have changed.

The rule: a link is followed to the file that it leads to now, and only plain files are looked at.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable
from pathlib import Path

from worker.core.changed_files import Look, Stamp


def look_at(paths: Iterable[Path]) -> Look:
    """Look at files; it may take as long as the disk does."""
    return {path: _stamp(path) for path in paths}


def _stamp(path: Path) -> Stamp | None:
    """None for what is not there, or is no plain file: a pipe gives its text but once."""
    try:
        of = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(of.st_mode):
        return None
    return Stamp(of.st_dev, of.st_ino, of.st_size, of.st_mtime_ns, of.st_ctime_ns)
