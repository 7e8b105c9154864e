"""What is said of a record that is too large."""

from __future__ import annotations

from worker.core.record import Outgoing
from worker.core.record_size import ROOM_BYTES, size_of, too_large, too_large_for_client


def test_size() -> None:
    """A record's size is that of key, value and headers; what is not there has none."""
    assert size_of(Outgoing("t", b"key", b"value", [("é", b"12"), ("b", None)])) == 3 + 5 + 2 + 2 + 1
    assert size_of(Outgoing("t", None, None, ())) == 0


def test_too_large() -> None:
    """The line names topic, size, limit and the command that makes room for the record uncompressed."""
    line = too_large("w.dlq", 100, 90)
    assert line.startswith("w.dlq refuses a record of 100 bytes, sent alone and compressed: ")
    assert "max.message.bytes, 90;" in line
    assert f"--alter --topic w.dlq --add-config max.message.bytes={100 + ROOM_BYTES}" in line


def test_unknown_limit() -> None:
    """Where the broker does not say the limit, that is said."""
    assert "max.message.bytes, which the broker does not say;" in too_large("w.dlq", 100, None)


def test_too_large_for_client() -> None:
    """A record above the client's own limit names the variable that raises it."""
    line = too_large_for_client("w.dlq", 100, 90)
    assert "message.max.bytes, 90;" in line
    assert f"POSTBACK_KAFKA__PROPERTIES__MESSAGE_MAX_BYTES={100 + ROOM_BYTES} makes room" in line
