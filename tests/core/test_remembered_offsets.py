"""The group's memory: what is written is read back, and what is not ours is passed over."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.binding import LogId
from worker.core.record import Partition
from worker.core.remembered_offsets import recall, remember
from worker.core.start_offset import RememberedOffset

AT = Partition("conversions", 3)
GOOD = {"offset": 7, "topic_id": "id", "at": "2026-01-02T03:04:05.000Z"}


@given(st.integers(0, 2**63 - 1), st.none() | st.text(), st.integers(0, 2**31))
def test_round_trip(offset: int, topic_id: str | None, now: int) -> None:
    """What is remembered is recalled."""
    record = remember("g.control", AT, offset, LogId("cluster", topic_id), float(now))
    assert record.topic == "g.control"
    assert recall(record.key, record.value) == (AT, RememberedOffset(offset, topic_id, float(now)))


def test_form() -> None:
    """The key names the partition, and the value is JSON."""
    record = remember("g.control", AT, 7, LogId("cluster", "id"), 0.0)
    assert record.key == b"position/conversions/3"
    assert json.loads(record.value or b"") == {
        "offset": 7,
        "topic_id": "id",
        "at": "1970-01-01T00:00:00.000Z",
    }


KEYS = [None, b"", b"pause", b"position/conversions", b"position/c/x", b"position/\xff/1", b"cancel/a/1"]


@pytest.mark.parametrize("key", KEYS)
def test_other_keys(key: bytes | None) -> None:
    """Another kind of record is passed over."""
    assert recall(key, json.dumps(GOOD).encode()) is None


VALUES = [
    None,
    b"",
    b"{",
    b"[" * 100_000,
    b"7",
    b"{}",
    *(json.dumps(GOOD | wrong).encode() for wrong in ({"offset": -1}, {"offset": True}, {"offset": "7"})),
    *(json.dumps(GOOD | wrong).encode() for wrong in ({"topic_id": 7}, {"at": "yesterday"}, {"at": 7})),
]


@pytest.mark.parametrize("value", VALUES)
def test_other_values(value: bytes | None) -> None:
    """A value that is no memory is passed over."""
    assert recall(b"position/conversions/3", value) is None
