"""Maps of offsets, and their form in bytes."""

from __future__ import annotations

from base64 import b64encode
from itertools import accumulate
from zlib import crc32

from hypothesis import strategies as st

from tests.core.examples import BINDING
from worker.core.binding import marks_of
from worker.core.offset_map import (
    OffsetMap,
)

LAST_OFFSET = 2**63 - 1
MOST_UNFINISHED = 1_000 + 500
"""The room of a partition, and a batch that was on its way when it filled up."""


def packed(*numbers: int) -> bytes:
    """Write numbers as LEB128, the plain way."""
    body = bytearray()
    for number in numbers:
        groups = [number >> shift & 0x7F for shift in range(0, max(1, number.bit_length()), 7)]
        body += bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])
    return bytes(body)


def sealed(body: bytes) -> str:
    """Give a body its version and a check that fits."""
    return "2" + b64encode(body + crc32(body).to_bytes(4, "big")).decode().rstrip("=")


MARKS = b"".join(marks_of(BINDING))


def marked(body: bytes) -> str:
    """Seal a body behind the marks of BINDING."""
    return sealed(MARKS + body)


@st.composite
def maps(draw: st.DrawFn, most: int = 60) -> tuple[int, OffsetMap]:
    """A position, and what is finished above it."""
    position = draw(st.integers(0, 2**40))
    first = draw(st.integers(0, 3))
    gap = st.one_of(st.integers(1, 3), st.integers(100, 200), st.integers(1, 2**35))
    holes = tuple(accumulate(draw(st.lists(gap, max_size=most)), initial=position + first))
    holes = holes[draw(st.integers(0, 1)) :]
    upto = (holes[-1] if holes else position) + draw(st.integers(1, 2**20))
    return position, OffsetMap(upto, holes)
