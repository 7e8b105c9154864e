"""The folder of a cache: ours alone, whole or not at all, one file for each process."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.runner.harness import until
from worker.adapters.cache_folder import MOST_WORKERS, CacheFolder, default_folder
from worker.core.binding import LogId
from worker.core.ids_cache import (
    CacheContents,
    CacheOwner,
    JournalPosition,
    JournalPositions,
    NotBelieved,
    packed,
)
from worker.core.remembered_ids import RememberedIds

LOG = LogId("cluster", "id")
IDS = RememberedIds(100, 60.0)
OWNER = CacheOwner("group", 100, 60.0, IDS.buckets)


async def write(folder: CacheFolder, upto: int) -> None:
    """Keep what is remembered, as read up to an offset."""
    draft = await folder.draft()
    for piece in packed(IDS, OWNER, JournalPositions(LOG, {0: JournalPosition(upto, None)})):
        await draft.write(piece)
    await draft.keep()
    draft.drop()


def upto(found: CacheContents | None) -> int | None:
    """Up to where it was read."""
    return None if found is None else found.positions.of[0].next


async def test_kept(tmp_path: Path) -> None:
    """What was kept is there for the next one; only its user can read it."""
    folder = CacheFolder(tmp_path / "a" / "group", OWNER)
    assert folder.read(LOG) is None
    await write(folder, 3)
    await write(folder, 4)
    folder.close()
    folder.close()
    again = CacheFolder(tmp_path / "a" / "group", OWNER)
    assert upto(again.read(LOG)) == 4
    again.close()
    at = tmp_path / "a" / "group"
    assert sorted(one.name for one in at.iterdir()) == ["0.ids", "0.lock"]
    assert [stat.S_IMODE(one.stat().st_mode) for one in (at, at / "0.ids")] == [0o700, 0o600]


async def test_not_kept(tmp_path: Path) -> None:
    """What is not kept leaves the one before it; so does what a killed process left behind."""
    folder = CacheFolder(tmp_path / "group", OWNER)
    await write(folder, 3)
    await (await folder.draft()).write(b"something")  # as one that was killed
    draft = await folder.draft()
    await draft.write(b"something")
    draft.drop()
    assert upto(folder.read(LOG)) == 3
    folder.close()
    assert draft.gone is not None
    await draft.gone
    assert not (tmp_path / "group" / "0.new").exists()


async def test_a_disk_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop does not wait until a draft is removed; the next draft does."""
    folder, unlink, may_go = CacheFolder(tmp_path / "group", OWNER), os.unlink, threading.Event()
    by: list[threading.Thread] = []

    def hang(name: str, dir_fd: int) -> None:
        by.append(threading.current_thread())
        may_go.wait(60.0)
        unlink(name, dir_fd=dir_fd)

    draft = await folder.draft()
    monkeypatch.setattr(os, "unlink", hang)
    draft.drop()
    following = asyncio.ensure_future(folder.draft())
    await until("it is being removed", lambda: bool(by))
    assert by != [threading.main_thread()]
    assert not following.done()
    may_go.set()
    await (await following).write(b"something")
    assert (tmp_path / "group" / "0.new").exists()
    folder.close()


async def test_a_folder_that_is_removed(tmp_path: Path) -> None:
    """What tidies temporary files may remove the folder, or the lock alone: the next version is kept."""
    folder, at = CacheFolder(tmp_path / "group", OWNER), tmp_path / "group"
    await write(folder, 1)
    shutil.rmtree(at)
    await write(folder, 2)
    assert upto(folder.read(LOG)) == 2
    (at / "0.lock").unlink()
    other = CacheFolder(at, OWNER)
    await write(other, 3)
    await write(folder, 4)
    assert (upto(other.read(LOG)), upto(folder.read(LOG))) == (3, 4)
    other.close()
    folder.close()


async def test_a_file_each(tmp_path: Path) -> None:
    """Two at a time have a file each; one that was killed leaves its own to the next."""
    first, second = CacheFolder(tmp_path / "group", OWNER), CacheFolder(tmp_path / "group", OWNER)
    await write(first, 1)
    await write(second, 2)
    assert (upto(first.read(LOG)), upto(second.read(LOG))) == (1, 2)
    first.close()
    third = CacheFolder(tmp_path / "group", OWNER)
    assert upto(third.read(LOG)) == 1
    third.close()
    second.close()


def test_more_than_there_are_files(tmp_path: Path) -> None:
    """Whoever finds all files in use has none."""
    held = [CacheFolder(tmp_path / "group", OWNER) for _ in range(MOST_WORKERS + 1)]
    for one in held[:-1]:
        one.read(LOG)
    with pytest.raises(OSError, match="in use"):
        held[-1].read(LOG)
    for one in held:
        one.close()


async def test_killed(tmp_path: Path) -> None:
    """A process that is killed while it writes leaves the file before, and its lock."""
    folder = CacheFolder(tmp_path / "group", OWNER)
    await write(folder, 5)
    folder.close()
    code = (
        "import asyncio, os, signal, pathlib; from worker.adapters.cache_folder import CacheFolder\n"
        "from worker.core.ids_cache import CacheOwner\n"
        "async def write():\n"
        f"    at = pathlib.Path({str(tmp_path / 'group')!r})\n"
        "    draft = await CacheFolder(at, CacheOwner('group', 100, 60.0, 1)).draft()\n"
        "    await draft.write(b'x' * 100_000)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(write())"
    )
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], check=False, timeout=60)
    assert (tmp_path / "group" / "0.new").stat().st_size == 100_000
    again = CacheFolder(tmp_path / "group", OWNER)
    assert upto(again.read(LOG)) == 5
    again.close()


async def test_spoilt(tmp_path: Path) -> None:
    """A file that is damaged, or none at all, is not believed."""
    folder = CacheFolder(tmp_path / "group", OWNER)
    await write(folder, 5)
    file = tmp_path / "group" / "0.ids"
    for content in (file.read_bytes()[:-1], b"", b"what is this?"):
        file.write_bytes(content)
        with pytest.raises(NotBelieved):
            folder.read(LOG)
    folder.close()


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o777])
async def test_others_may_read_or_write(tmp_path: Path, mode: int) -> None:
    """A folder that is not its user's alone is not touched."""
    (tmp_path / "group").mkdir()
    (tmp_path / "group").chmod(mode)
    folder = CacheFolder(tmp_path / "group", OWNER)
    with pytest.raises(PermissionError, match="0700"):
        folder.read(LOG)
    with pytest.raises(PermissionError, match="0700"):
        await folder.draft()
    assert not list((tmp_path / "group").iterdir())


def test_another_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of another user is not touched."""
    (tmp_path / "group").mkdir(0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(PermissionError):
        CacheFolder(tmp_path / "group", OWNER).read(LOG)


async def test_not_by_way_of_links(tmp_path: Path) -> None:
    """No link is followed: somebody else may have laid it."""
    (tmp_path / "elsewhere").mkdir(0o700)
    (tmp_path / "group").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="group"):
        CacheFolder(tmp_path / "group", OWNER).read(LOG)
    folder = CacheFolder(tmp_path / "elsewhere", OWNER)
    await write(folder, 1)
    victim = tmp_path / "victim"
    victim.write_bytes(b"untouched")
    (tmp_path / "elsewhere" / "0.new").symlink_to(victim)
    with pytest.raises(OSError, match=r"0\.new"):
        await folder.draft()
    assert victim.read_bytes() == b"untouched"
    folder.close()


async def test_no_folder(tmp_path: Path) -> None:
    """A folder that can't be made raises OSError."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        await CacheFolder(tmp_path / "file" / "group", OWNER).draft()


def test_each_user_has_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none is named, it lies in the temporary directory, and each user of the machine has another."""
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/somewhere")
    monkeypatch.setattr(os, "geteuid", lambda: 7)
    assert default_folder() == Path("/somewhere/postback-worker-7")


def test_nowhere_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that may write nothing at all has a folder that can't be made, and no exception."""
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("tempfile._candidate_tempdir_list", lambda: ["/proc"])
    monkeypatch.chdir("/proc")
    with pytest.raises(OSError, match="postback-worker"):
        CacheFolder(default_folder(), OWNER).read(LOG)
