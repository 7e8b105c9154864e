"""Stderr: what can't be written is dropped, counted and told, and who writes goes on."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kafka import wait_until
from worker.adapters.process.stderr import MOST_WAITING_BYTES, LineWriter

LINE = b"x" * 1023 + b"\n"
FULL = "/dev/full"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Both ends of a pipe, to read from and to write to."""
    ours, theirs = os.pipe()
    yield ours, theirs
    for end in (ours, theirs):
        os.close(end)


def told(text: bytes) -> list[int]:
    """How many lines were dropped, by the lines that tell it."""
    return [int(line.split()[1]) for line in text.splitlines() if b"were dropped" in line]


def test_what_is_written(pipe: tuple[int, int]) -> None:
    """What is written arrives, in order, and whoever settles waits for it."""
    lines = LineWriter(pipe[1])
    for number in range(20):
        lines.write(b"line %d\n" % number)
    lines.settle()
    assert os.read(pipe[0], 4096).splitlines() == [b"line %d" % number for number in range(20)]
    assert lines.dropped == 0


def test_a_reader_that_does_not_read(pipe: tuple[int, int]) -> None:
    """A full pipe holds up nobody: what exceeds the bound is dropped, and told once it is read again."""
    lines = LineWriter(pipe[1])
    count = 2 * MOST_WAITING_BYTES // len(LINE)
    for _ in range(count):
        lines.write(LINE)
    dropped = lines.dropped
    assert MOST_WAITING_BYTES // len(LINE) // 2 < dropped < count
    lines.settle(0.01)
    text = b""
    while (text.count(b"x\n"), len(told(text))) != (count - dropped, 1):
        text += os.read(pipe[0], 65536)
    assert told(text) == [dropped] == [lines.dropped]


def test_a_reader_that_went() -> None:
    """Where the reader is gone every line is dropped and counted, and nothing is raised."""
    ours, theirs = os.pipe()
    os.close(ours)
    lines = LineWriter(theirs)
    for _ in range(50):
        lines.write(b"two\nlines\n")
    lines.settle()
    os.close(theirs)
    assert lines.dropped == 100


def test_a_full_disk(tmp_path: Path) -> None:
    """Once there is room again a line says how many were dropped and why, and the log goes on."""
    log = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    place, full = os.dup(log), os.open(FULL, os.O_WRONLY)
    lines = LineWriter(place)
    try:
        lines.write(b"before\n")
        lines.settle()
        os.dup2(full, place)
        for _ in range(7):
            lines.write(b"lost\n")
        wait_until("seven are dropped", lambda: lines.dropped == 7)
        lines.settle()
        os.dup2(log, place)
        for _ in range(3):
            lines.write(b"after\n")
        lines.settle()
    finally:
        for one in (log, place, full):
            os.close(one)
    assert (tmp_path / "log").read_text().splitlines() == [
        "before",
        "warning: 7 log lines were dropped: No space left on device",
        *["after"] * 3,
    ]
    assert lines.dropped == 7


def test_a_line_that_was_cut(tmp_path: Path) -> None:
    """A line of which a part was written counts as dropped, and what follows begins a line of its own."""
    place = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    lines = LineWriter(place)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        lines.write(b"a line of twenty or so\n")
        lines.settle()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    lines.write(b"after\n")
    lines.settle()
    os.close(place)
    assert (tmp_path / "log").read_text().splitlines() == [
        "a line of ",
        "warning: 1 log line was dropped: File too large",
        "after",
    ]


def test_a_pipe_that_does_not_block(pipe: tuple[int, int]) -> None:
    """Where somebody made a shared pipe non-blocking, a full one is waited for and nothing is lost."""
    os.set_blocking(pipe[1], False)
    lines = LineWriter(pipe[1])
    lines.write(LINE * 70)
    lines.write(b"next\n")
    text = b""
    while not text.endswith(b"next\n"):
        text += os.read(pipe[0], 65536)
    assert text == LINE * 70 + b"next\n"
    assert lines.dropped == 0
