"""The way of a record through the worker's files, from the batch that it came in to its ending."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

import worker
from tests.support.hot_path import HotPath, on_hot_path
from worker.core.answer import Request, Response
from worker.core.assigned_partition import PendingRecord
from worker.core.endings import Delivered
from worker.core.record import Record
from worker.pipeline import Attempt

_OWN = tuple(Path(path).parent for path in worker.__path__)


def is_given(value: object) -> bool:
    """Whether a value is the record, or what became of it."""
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return any(map(is_given, value))
    return isinstance(value, Record | PendingRecord | Attempt | Request | Response | Delivered)


class Walk:
    """Notes each file that another one gives the record to, or what became of it."""

    def __init__(self) -> None:
        self.files: list[str] = []

    def note(self, frame: FrameType, event: str, _argument: object) -> None:
        code = frame.f_code
        file = Path(code.co_filename)
        own = next((one for one in _OWN if file.is_relative_to(one / "worker")), None)
        if (
            event != "call"
            or own is None
            or frame.f_back is None
            or frame.f_back.f_code.co_filename == str(file)
        ):
            return
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if any(is_given(frame.f_locals.get(name)) for name in names if name != "self"):
            self.files.append(str(file.relative_to(own)))


async def walked(path: HotPath) -> list[str]:
    """The files that a record visits, after others have gone the same way."""
    await path.deliver(1)
    walk = Walk()
    sys.setprofile(walk.note)
    try:
        await path.deliver_one()
    finally:
        sys.setprofile(None)
    return walk.files


def test_it_returns_to_no_file_more_than_once() -> None:
    """No file is given the record more than twice, once on its way out and once on its way back."""
    files = on_hot_path(walked)
    assert files[0] == "worker/runner/rebalances.py"
    assert "worker/pipeline.py" in files
    assert {file: files.count(file) for file in files if files.count(file) > 2} == {}


if __name__ == "__main__":
    print(*on_hot_path(walked), sep="\n")
