"""Stamps of files (device, inode, size, times), to tell whether they have changed.

The rule: links are followed, and only plain files are looked at. Nothing but who asks waits for a disk that
hangs, the end of the process neither.
"""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from worker.adapters.own_thread import in_own_thread
from worker.core.changed_files import Look, Stamp

_Answer = TypeVar("_Answer")


class NotRead(Exception):
    """Files could not be looked at: there are no more threads."""


def from_disk(call: Callable[[], _Answer]) -> asyncio.Future[_Answer]:
    """What a call that reads files returns or raises; or NotRead."""
    return in_own_thread("files", call, NotRead)


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
