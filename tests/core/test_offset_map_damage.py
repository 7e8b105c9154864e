"""Metadata that is no whole map of ours is never believed."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.examples import BINDING
from tests.core.maps import maps, marked, packed, sealed
from tests.core.test_offset_map import looks_like_one
from worker.core.binding import marks_of
from worker.core.offset_map import (
    DamagedMap,
    MetadataVerdict,
    OffsetMap,
    decode,
    encode,
    read,
)


@given(st.integers(0, 2**62), st.one_of(st.text(), looks_like_one))
def test_foreign_text(position: int, text: str) -> None:
    """Any text but none is told to be damaged."""
    expected = MetadataVerdict.DAMAGED if text else MetadataVerdict.EMPTY
    assert decode(position, text, BINDING).verdict is expected


@given(maps(), st.data())
def test_truncated(drawn: tuple[int, OffsetMap], data: st.DataObject) -> None:
    """A map that was cut short is damaged."""
    text = encode(*drawn, BINDING)
    length = data.draw(st.integers(1, len(text) - 1))
    with pytest.raises(DamagedMap):
        read(text[:length])


@given(maps(), st.data())
def test_one_wrong_character(drawn: tuple[int, OffsetMap], data: st.DataObject) -> None:
    """A map with one character changed is damaged."""
    position, finished = drawn
    text = encode(position, finished, BINDING)
    index = data.draw(st.integers(0, len(text) - 1))
    character = data.draw(st.sampled_from("AQgwZz019+/=- é").filter(lambda other: other != text[index]))
    with pytest.raises(DamagedMap):
        read(text[:index] + character + text[index + 1 :])


@given(st.binary(max_size=60))
def test_foreign_body(body: bytes) -> None:
    """A body that nobody here wrote is damaged even where its check fits."""
    try:
        written = read(marked(body))
    except DamagedMap:
        return
    assert written.marks == marks_of(BINDING)
    assert encode(written.position, written.finished, BINDING) == marked(body)


LONG = b"\x80" * 1000

REFUSED = {
    "another version": ("1AAAA", "unknown version '1'"),
    "another alphabet": ("é", r"unknown version '\xe9'"),
    "nothing": ("", "unknown version ''"),
    "no base64": ("2*", "not base64"),
    "not ASCII": ("2é", "not base64"),
    "no body": (sealed(b""), "its check does not fit"),
    "version alone": ("2", "its check does not fit"),
    "another check": ("2" + b64encode(packed(5) + b"abcd").decode().rstrip("="), "its check does not fit"),
    "no marks": (sealed(packed(5, 0)), "cut short"),
    "marks alone": (marked(b""), "cut short"),
    "a position alone": (marked(packed(5)), "cut short"),
    "an unfinished number": (marked(b"\x85"), "cut short"),
    "a thousand continuations": (marked(LONG), "a number beyond any offset"),
    "a huge number": (marked(LONG + b"\x01"), "a number beyond any offset"),
    "two holes at one place": (marked(packed(100, 9, 1, 0)), "offsets do not rise"),
    "a hole at its end": (marked(packed(100, 2, 2)), "offsets beyond its end"),
    "a hole and no end": (marked(packed(100, 0, 0)), "offsets beyond its end"),
    "padding": (marked(packed(100, 5, 1)) + "==", "written in another form"),
    "a number with a leading zero": (marked(packed(100) + b"\x85\x00"), "written in another form"),
    "megabytes": ("2" + "g" * 4_000_000, "too long"),
}


@pytest.mark.parametrize(("text", "says"), REFUSED.values(), ids=[*REFUSED])
def test_damage_is_named(text: str, says: str) -> None:
    """A damaged map says in a few words what is wrong with it."""
    with pytest.raises(DamagedMap) as caught:
        read(text)
    assert str(caught.value) == says
