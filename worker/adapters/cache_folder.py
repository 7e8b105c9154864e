"""The folder of one destination's cache: one file for each worker of this host, written whole or not at all.

The rules: nothing is touched unless the folder is ours alone; a file belongs to the process that holds its
lock, as long as that process lives; a file under its final name is complete. Any failure raises OSError.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import stat
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from worker.adapters.own_thread import in_own_thread
from worker.core.binding import LogId
from worker.core.ids_cache import CacheContents, CacheOwner, Seal, unpacked

MOST_WORKERS = 64
"""How many workers of one destination on one host can each have a file."""

_READ_BYTES = 1 << 20
_Answer = TypeVar("_Answer")


def default_folder() -> Path:
    """The default folder of caches; each user of this host has their own.

    Where this process may write nothing at all it is one that can't be made, as whoever uses it is told.
    """
    try:
        above = tempfile.gettempdir()
    except FileNotFoundError:
        above = os.curdir  # the last that was tried
    return Path(above) / f"postback-worker-{os.geteuid()}"


class CacheFolder:
    """The Cache of one owner, in its own folder; from the first call on it holds one file of that."""

    def __init__(self, at: Path, owner: CacheOwner) -> None:
        self.owner = owner
        self._at = at
        self._folder: int | None = None
        self._lock: int | None = None
        self._name = ""

    @property
    def name(self) -> str:
        """The folder's path."""
        return str(self._at)

    def read(self, log: LogId) -> CacheContents | None:
        """What was last kept, or None; raise NotBelieved if it belongs to another log."""
        folder = self._take()
        try:
            file = os.open(f"{self._name}.ids", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        except FileNotFoundError:
            return None
        with os.fdopen(file, "rb", _READ_BYTES) as stream:
            return unpacked(stream, self.owner, log)

    async def draft(self) -> Draft:
        """Begin to write a new version of the file."""
        return await _aside(lambda: Draft(self._take(), self._name))

    def close(self) -> None:
        """Leave the file to another process; idempotent."""
        for held in (self._lock, self._folder):
            if held is not None:
                os.close(held)
        self._lock = self._folder = None

    def _take(self) -> int:
        """Lock a file that no other process holds, in a folder that is ours alone."""
        if self._folder is None:
            folder = _private_folder(self._at)
            try:
                self._name, self._lock = _free_file(folder)
            except BaseException:
                os.close(folder)
                raise
            self._folder = folder
        return self._folder


class Draft:
    """A new version of a file, being written; the version before it stays until this one is kept."""

    def __init__(self, folder: int, name: str) -> None:
        self._folder, self._name = folder, name
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        self._file = os.open(f"{name}.new", flags, 0o600, dir_fd=folder)
        self._seal = Seal()

    async def write(self, piece: bytes) -> None:
        """Write the next piece."""
        await _aside(partial(self._write, piece))

    async def keep(self) -> None:
        """Replace the version before it."""
        await _aside(self._keep)

    def drop(self) -> None:
        """Remove it, unless it was kept."""
        self._close()
        with contextlib.suppress(OSError):  # it was kept; whatever is left over, the next draft overwrites
            os.unlink(f"{self._name}.new", dir_fd=self._folder)

    def _write(self, piece: bytes) -> None:
        self._seal.add(piece)
        left = memoryview(piece)
        while left:
            left = left[os.write(self._file, left) :]

    def _keep(self) -> None:
        self._write(self._seal.made())
        self._close()
        os.rename(f"{self._name}.new", f"{self._name}.ids", src_dir_fd=self._folder, dst_dir_fd=self._folder)

    def _close(self) -> None:
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)


def _aside(call: Callable[[], _Answer]) -> asyncio.Future[_Answer]:
    """Call it off the loop, because a disk may be slow."""
    return in_own_thread("copies-cache", call)


def _private_folder(at: Path) -> int:
    """Open a folder, creating it if need be; raise OSError if others may read or write it."""
    at.mkdir(0o700, parents=True, exist_ok=True)
    folder = os.open(at, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    found = os.fstat(folder)
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        os.close(folder)
        raise PermissionError(errno.EPERM, "it is not this user's alone (owner, mode 0700)", str(at))
    return folder


def _free_file(folder: int) -> tuple[str, int]:
    """The name of a file that no other process holds, and the descriptor of our lock on it."""
    for number in range(MOST_WORKERS):
        lock = os.open(f"{number}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600, dir_fd=folder)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
        except OSError:
            os.close(lock)
            raise
        else:
            return str(number), lock
    raise OSError(errno.EBUSY, f"all of its {MOST_WORKERS} files are in use")
