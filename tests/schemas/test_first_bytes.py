"""What a producer's usual mistakes are called: a value that is no JSON is named by what it begins with."""

from __future__ import annotations

import gzip

import pytest

from schemas import BadRecord, decode

EVENT = b'{"event_id":"e","click_id":"c","occurred_at":"2026-01-01T00:00:00Z"}'

MISTAKES = {
    "BOM": (b"\xef\xbb\xbf" + EVENT, "it begins with a byte order mark (BOM)"),
    "UTF-16": (EVENT.decode().encode("utf-16"), "it begins with a byte order mark of UTF-16"),
    "gzip": (gzip.compress(EVENT), "it begins with gzip"),
    "zstd": (b"\x28\xb5\x2f\xfd\x00", "it begins with zstd"),
    "lz4": (b"\x04\x22\x4d\x18\x00", "it begins with lz4"),
    "schema registry": (b"\x00\x00\x00\x00\x07" + EVENT, "as Confluent's serializers write"),
    "XML": (b"<order/>", "it begins with '<', as XML does"),
    "empty": (b"", "it is empty"),
    "else": (b"hello-secret", "it begins with 68 65 6c 6c (hexadecimal)"),
}


@pytest.mark.parametrize(("value", "says"), MISTAKES.values(), ids=list(MISTAKES))
def test_mistakes(value: bytes, says: str) -> None:
    """The usual mistakes are named, and nothing else of the value is told."""
    with pytest.raises(BadRecord) as caught:
        decode(value, now=0.0)
    assert caught.value.reason == "undecodable"
    assert says in str(caught.value)
    assert "secret" not in str(caught.value)


def test_json_that_breaks_later() -> None:
    """What begins like JSON is told by where it breaks, and its beginning is not."""
    with pytest.raises(BadRecord) as caught:
        decode(EVENT[:-1], now=0.0)
    assert "begins" not in str(caught.value)
