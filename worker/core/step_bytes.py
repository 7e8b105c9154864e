"""Where each member of a step stands in its bytes, as a worker writes it (`worker/core/journal.py`).

The rule: what is found here is the same as parsing the step would give. Inside a JSON string a quotation mark
has a backslash before it, so `,"status":` never occurs in one. A step that does not begin like a worker's is
parsed instead.
"""

from __future__ import annotations

import re

_BEGINNING = re.compile(rb'\{"at":"[^"]{0,40}","step":"([a-z]{1,16})"')

TIME_NAME = b'{"at":"'
TIME_END = len('{"at":"2026-01-31T12:00:00.000Z')
DELIVERED_AT_TIME_END = b'","step":"delivered"'
"""How a delivery goes on there, which is by far the most common step."""

ATTEMPT = re.compile(rb',"attempt":([0-9]{1,9})')
STATUS = re.compile(rb',"status":([0-9]{1,9})')
MILLISECONDS = b',"ms":'
URL_ORIGIN = re.compile(rb',"url":"([a-z]{4,5}://[^/"]{1,300})')
"""Scheme, host and port of a request's URL."""
REASON = re.compile(rb',"reason":"([a-z_]{1,32})"')

REPLAYS_NAME = b',"replays":'
REPLAYS = re.compile(rb',"replays":([0-9]{1,9}),"origin":"')
"""It comes right before the origin, if at all."""
LONGEST_REPLAYS_BYTES = len(REPLAYS_NAME) + 9

ORIGIN_NAME = b',"origin":"'
END = re.compile(rb',"origin":"([^"/]{1,249})/([0-9]{1,10})/([0-9]{1,18})","worker":"')
"""Its groups are the topic, partition and offset of the origin. It is the last match in the step."""


def kind_of(value: bytes) -> bytes:
    """The kind of a step as a worker writes it; empty if it begins differently."""
    beginning = _BEGINNING.match(value)
    return beginning[1] if beginning is not None else b""
