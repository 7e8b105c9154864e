"""Names the usual mistakes of producers by the first bytes of a value that is no JSON.

The rule: at most the first four bytes are shown, because the rest may be personal data.
"""

from __future__ import annotations

from typing import Final

_SHOWN_BYTES: Final = 4

# The first row that matches counts.
_BEGINNINGS: Final = (
    (b"\xef\xbb\xbf", "a byte order mark (BOM), which JSON has not: write UTF-8 without it"),
    (b"\xff\xfe", "a byte order mark of UTF-16: write UTF-8 without one"),
    (b"\xfe\xff", "a byte order mark of UTF-16: write UTF-8 without one"),
    (b"\x1f\x8b", "gzip: leave compressing to the producer (compression.type)"),
    (b"\x28\xb5\x2f\xfd", "zstd: leave compressing to the producer (compression.type)"),
    (b"\x04\x22\x4d\x18", "lz4: leave compressing to the producer (compression.type)"),
    (b"\x00", "a zero byte, as Confluent's serializers write before a schema's id: publish plain JSON"),
    (b"<", "'<', as XML does: publish JSON"),
)


def name_beginning(value: bytes) -> str:
    """What the value begins with, as the end of a sentence about it."""
    if not value:
        return "it is empty"
    for beginning, name in _BEGINNINGS:
        if value.startswith(beginning):
            return f"it begins with {name}"
    return f"it begins with {value[:_SHOWN_BYTES].hex(' ')} (hexadecimal)"
