"""A log is cut between two batches, near its end."""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.segments import Cut, batches_of, cut


def batch(offset: int, size: int) -> bytes:
    """A batch whose body is zeros."""
    return struct.pack(">qi", offset, size) + bytes(size)


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(49, 99)), min_size=2), st.integers(1, 99))
def test_a_cut_leaves_whole_batches(batches: list[tuple[int, int]], floor: int) -> None:
    """What is left is whole batches, one at least, and nothing that begins at the floor or above."""
    with tempfile.TemporaryDirectory() as name:
        folder, offset, data, offsets = Path(name), 0, b"", []
        for records, size in batches:
            offsets.append(offset)
            data += batch(offset, size)
            offset += records
        (folder / "00000000000000000000.log").write_bytes(data)
        (folder / "leader-epoch-checkpoint").write_text("0\n2\n3 0\n5 1\n", "utf-8")
        made = cut(folder, floor)
        left = [one.offset for one in batches_of((folder / "00000000000000000000.log").read_bytes())]
    assert left == [one for one in offsets if one < floor]
    assert made == (Cut(offsets[len(left)], 5) if len(left) < len(offsets) else None)


def test_a_log_of_one_batch_is_not_cut(tmp_path: Path) -> None:
    """A log that would be empty is left alone."""
    (tmp_path / "00000000000000000000.log").write_bytes(batch(0, 60))
    (tmp_path / "leader-epoch-checkpoint").write_text("0\n0\n", "utf-8")
    assert cut(tmp_path, 0) is None
