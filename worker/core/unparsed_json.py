"""What can be told of JSON without parsing it.

The rule: only a no is certain. JSON that holds a text has its bytes as they are, unless something in it is
escaped; whether they stand in the right place is shown by parsing. Bytes are looked for by `find`: of bytes,
`in` asks first whether they are a number, which costs as much as the search.
"""

from __future__ import annotations

ESCAPE = ord("\\")
"""JSON in which this stands may hold any text."""


def may_hold(text: bytes, value: bytes | None) -> bool:
    """Return False if no string of this JSON can have the text; None holds nothing."""
    return value is not None and (value.find(text) >= 0 or ESCAPE in value)
