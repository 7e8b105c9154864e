"""What a worker says of itself, written and read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from worker.core.worker_report import OpenCircuit, WorkerReport, ended, is_report, read, write

REPORT = WorkerReport(
    "a-client",
    1_700_000_000.0,
    ("a-client", "b-client"),
    OpenCircuit(1_600_000_000.0, "503", "HTTP 503"),
    ("pace",),
    ("draining",),
    1_650_000_000.0,
    ("conversions/0 gives nothing",),
)


@pytest.mark.parametrize("report", [REPORT, WorkerReport("c", 1_700_000_000.0)])
def test_round_trip(report: WorkerReport) -> None:
    """A report that is written is read the same."""
    message = write(report, "control")
    assert is_report(message.key)
    assert read(message.key, message.value) == report
    assert ended(report.id, "control").key == message.key


def test_of_an_older_version() -> None:
    """A report without a start or a silence is read; its worker counts as one that should be ready."""
    fields = json.loads(write(REPORT, "control").value or b"")
    del fields["starts"], fields["silent"]
    assert read(b"worker/a-client", json.dumps(fields).encode()) == REPORT._replace(starts=None, silent=())


def test_says_the_same() -> None:
    """Two reports say the same whatever their time."""
    assert REPORT.says_the_same(REPORT._replace(at=1.0))
    assert not REPORT.says_the_same(REPORT._replace(circuit=None))
    assert not REPORT.says_the_same(None)


RIGHT = json.loads(write(REPORT, "control").value or b"")
WRONG: list[dict[str, Any]] = [
    {"at": "noon"},
    {"members": "a"},
    {"circuit": {}},
    {"at": 5},
    {"not_ready": None},
    {"starts": "noon"},
]


@pytest.mark.parametrize(
    "value", [None, b"{", b"[]", *(json.dumps({**RIGHT, **wrong}).encode() for wrong in WRONG)]
)
def test_unreadable(value: bytes | None) -> None:
    """What can't be read is no report."""
    assert read(b"worker/a", value) is None
    assert not is_report(b"pause")
    assert not is_report(None)
