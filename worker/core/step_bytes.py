"""How a step lies in its bytes, as a worker writes it (`worker/core/journal.py`): where each member stands.

The rule: what is found here is what reading the whole step would tell. Within a string of JSON a quotation
mark has a backslash before it: so `,"status":` stands in none. A step that does not begin as a worker's is
read whole instead.
"""

from __future__ import annotations

import re

_BEGINNING = re.compile(rb'\{"at":"[^"]{0,40}","step":"([a-z]{1,16})"')

TIME_NAME = b'{"at":"'
TIME_END = len('{"at":"2026-01-31T12:00:00.000Z')
DELIVERED_AT_TIME_END = b'","step":"delivered"'
"""How a delivery goes on there; it is the commonest step by far."""

ATTEMPT = re.compile(rb',"attempt":([0-9]{1,9})')
STATUS = re.compile(rb',"status":([0-9]{1,9})')
MILLISECONDS = b',"ms":'
REASON = re.compile(rb',"reason":"([a-z_]{1,32})"')

REPLAYS_NAME = b',"replays":'
REPLAYS = re.compile(rb',"replays":([0-9]{1,9}),"origin":"')
"""It stands right before the origin, if at all."""
LONGEST_REPLAYS_BYTES = len(REPLAYS_NAME) + 9

ORIGIN_NAME = b',"origin":"'
END = re.compile(rb',"origin":"([^"/]{1,249})/([0-9]{1,10})/([0-9]{1,18})","worker":"')
"""Its groups are the topic, partition and offset of the origin. It is the last one in the step."""


def kind_of(value: bytes) -> bytes:
    """The kind of a step, as a worker writes it; empty where it begins in another form."""
    beginning = _BEGINNING.match(value)
    return beginning[1] if beginning is not None else b""
