"""Files that are read again: a change counts when it is over, and once."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from worker.core.changed_files import ChangedFiles, Stamp

HERE, THERE = Path("here"), Path("there")
OLD, NEW, NEWER = (Stamp(1, 1, 1, time, time) for time in (1, 2, 3))


def known() -> ChangedFiles:
    """Two files that have been read."""
    files = ChangedFiles()
    files.look({HERE: OLD, THERE: OLD})
    files.take({HERE: OLD, THERE: OLD})
    return files


def test_the_first_looks() -> None:
    """What has not been read yet has changed, as of the second look."""
    files = ChangedFiles()
    assert files.look({HERE: OLD}) == []
    assert files.look({HERE: OLD}) == [HERE]
    files.take({HERE: OLD})
    assert files.look({HERE: OLD}) == []


def test_a_change() -> None:
    """A change counts when the file stood still for a look, until it is taken."""
    files = known()
    assert files.look({HERE: NEW, THERE: OLD}) == []
    assert files.look({HERE: NEW, THERE: OLD}) == [HERE]
    assert files.look({HERE: NEW, THERE: OLD}) == [HERE]
    files.take({HERE: NEW, THERE: OLD})
    assert files.look({HERE: NEW, THERE: OLD}) == []


def test_still_written() -> None:
    """A file that goes on changing is waited for."""
    files = known()
    assert files.look({HERE: NEW, THERE: OLD}) == []
    assert files.look({HERE: NEWER, THERE: OLD}) == []
    assert files.look({HERE: NEWER, THERE: OLD}) == [HERE]


def test_gone() -> None:
    """A file that goes has changed, and again when it comes back; a moment's absence is no change."""
    files = known()
    assert files.look({HERE: None, THERE: OLD}) == []
    assert files.look({HERE: OLD, THERE: OLD}) == []
    assert files.look({HERE: None, THERE: OLD}) == []
    assert files.look({HERE: None, THERE: OLD}) == [HERE]


@given(st.lists(st.sampled_from([OLD, NEW, NEWER, None])))
def test_the_last_counts(looks: list[Stamp | None]) -> None:
    """Whatever is seen on the way: in the end a file has changed where it is not as it was read."""
    files = known()
    for stamp in looks:
        files.look({HERE: stamp})
    last = looks[-1] if looks else OLD
    files.look({HERE: last})
    assert files.look({HERE: last}) == ([] if last == OLD else [HERE])
