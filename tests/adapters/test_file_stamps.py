"""Files are looked at where links lead, and told apart from what they were."""

from __future__ import annotations

import os
from pathlib import Path

from worker.adapters.file_stamps import look_at


def test_changes(tmp_path: Path) -> None:
    """A file that was written, replaced or took another's name is another; one that was read is not."""
    path, other = tmp_path / "file", tmp_path / "other"
    path.write_text("first")
    looks = [look_at([path])]
    path.read_text()
    assert look_at([path]) == looks[0]
    path.write_text("longer than that")
    looks.append(look_at([path]))
    other.write_text("longer than this")
    times = path.stat()
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.replace(path)
    looks.append(look_at([path]))
    assert len({look[path] for look in looks}) == 3


def test_a_folder_that_is_swapped(tmp_path: Path) -> None:
    """Where a folder is a link that is swapped, as Kubernetes does, each file in it is another."""
    for name in ("..1", "..2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "token").write_text("same")
    path = tmp_path / "..data" / "token"
    (tmp_path / "..data").symlink_to("..1")
    before = look_at([path])
    (tmp_path / "..new").symlink_to("..2")
    (tmp_path / "..new").rename(tmp_path / "..data")
    assert look_at([path]) != before


def test_no_file(tmp_path: Path) -> None:
    """What is not there, or is no plain file, is told as such: a pipe would be waited for."""
    pipe, folder, nothing = tmp_path / "pipe", tmp_path, tmp_path / "nothing"
    os.mkfifo(pipe)
    assert look_at([pipe, folder, nothing]) == {pipe: None, folder: None, nothing: None}
