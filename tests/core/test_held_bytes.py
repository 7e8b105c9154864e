"""The bytes that are held: what all have read, without what has ended."""

from __future__ import annotations

from worker.core.held_bytes import HeldBytes
from worker.core.record import size_of


def test_held() -> None:
    """What any reader reads is held until it has ended, and what is left is never less than nothing."""
    held = HeldBytes(100)
    first, second = held.reader(), held.reader()
    assert (held.count, held.left) == (0, 100)
    first.count += 30
    second.count += 40
    assert (held.count, held.left) == (70, 30)
    second.count += 50
    assert (held.count, held.left) == (120, 0)
    held.ended += 80
    assert (held.count, held.left) == (40, 60)


def test_pressed() -> None:
    """Bytes are short from the half on."""
    held = HeldBytes(100)
    reader = held.reader()
    reader.count = 50
    assert not held.is_pressed
    reader.count = 51
    assert held.is_pressed


def test_room() -> None:
    """A record takes up the room of one for each unit of its bytes; half of all fits in one partition."""
    held = HeldBytes.shared(2000, room=10)
    assert held.unit == 100
    assert [held.room_of(size) for size in (0, 1, 100, 101, 950)] == [1, 1, 1, 2, 10]
    assert HeldBytes.shared(10, room=100).unit == 1
    assert HeldBytes(10).room_of(10**12) == 1


def test_sizes() -> None:
    """A record is as large as its key, its value and its headers, where it has them."""
    assert size_of(None, None, ()) == 0
    assert size_of(b"key", b"value", ()) == 8
    assert size_of(None, b"v", [("name", b"text"), ("n", None)]) == 10
