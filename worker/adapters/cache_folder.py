"""The folder of one destination's cache: one file for each worker of this host, written whole or not at all.

The rules: nothing is touched unless the folder is ours alone; a file belongs to the process that holds its
lock, as long as that process lives; a file under its final name is complete. The loop never waits for the
disk. Any failure raises OSError.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import stat
import tempfile
import threading
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
        self._taking = threading.Lock()
        self._draft: Draft | None = None

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
        """Begin to write a new version of the file, once a former draft is gone."""
        if self._draft is not None and self._draft.gone is not None:
            await self._draft.gone
        self._draft = await _aside(lambda: Draft(self._take(), self._name))
        return self._draft

    def close(self) -> None:
        """Leave the file to another process; idempotent."""
        for held in (self._lock, self._folder):
            if held is not None:
                os.close(held)
        self._lock = self._folder = None

    def _take(self) -> int:
        """Lock a file that no other process holds, in a folder that is ours alone; anew if it was removed."""
        with self._taking:
            if self._folder is not None and not self._is_there():
                self.close()
            if self._folder is None:
                folder = _private_folder(self._at)
                try:
                    self._name, self._lock = _free_file(folder)
                except BaseException:
                    os.close(folder)
                    raise
                self._folder = folder
            return self._folder

    def _is_there(self) -> bool:
        """Whether our lock still is where others look for it: what tidies temporary files may remove it."""
        if self._lock is None:
            return False
        try:
            found = (self._at / f"{self._name}.lock").lstat()
        except OSError:
            return False
        return os.path.samestat(found, os.fstat(self._lock))


class Draft:
    """A new version of a file, being written; the version before it stays until this one is kept."""

    def __init__(self, folder: int, name: str) -> None:
        self.gone: asyncio.Future[None] | None = None
        """Ends when it is removed, once it was dropped."""
        self._name = name
        self._using = threading.RLock()
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        self._folder = os.dup(folder)
        try:
            self._file = os.open(f"{name}.new", flags, 0o600, dir_fd=folder)
        except BaseException:
            os.close(self._folder)
            raise
        self._seal = Seal()
        self._is_kept = False

    async def write(self, piece: bytes) -> None:
        """Write the next piece."""
        await _aside(partial(self._write, piece))

    async def keep(self) -> None:
        """Replace the version before it."""
        await _aside(self._keep)

    def drop(self) -> None:
        """Have it removed, unless it was kept."""
        self.gone = _aside(self._remove)

    def _write(self, piece: bytes) -> None:
        self._seal.add(piece)
        left = memoryview(piece)
        with self._using:
            while left:
                left = left[os.write(self._file, left) :]

    def _keep(self) -> None:
        at = self._folder
        with self._using:
            self._write(self._seal.made())
            self._close()
            os.rename(f"{self._name}.new", f"{self._name}.ids", src_dir_fd=at, dst_dir_fd=at)
            self._is_kept = True

    def _remove(self) -> None:
        with self._using:  # a piece may be on its way, though nobody waits for it any more
            self._close()
        if not self._is_kept:
            with contextlib.suppress(OSError):  # whatever is left over, the next draft overwrites
                os.unlink(f"{self._name}.new", dir_fd=self._folder)
        os.close(self._folder)

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
