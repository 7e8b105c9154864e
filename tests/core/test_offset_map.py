"""The map of finished offsets: written whole where it fits, read back the same, not believed when damaged."""

from __future__ import annotations

from base64 import b64encode
from itertools import accumulate, cycle, islice
from zlib import crc32

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.core.examples import BINDING
from worker.core.binding import MARK_BYTES, UNKNOWN, Binding, Identity, LogId, marks_of
from worker.core.offset_map import (
    MAX_CHARACTERS,
    DamagedMap,
    OffsetMap,
    Told,
    Verdict,
    decode,
    encode,
    read,
    union,
)
from worker.core.offsets import MAX_SPAN_OFFSETS

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


@given(maps())
def test_round_trip(drawn: tuple[int, OffsetMap]) -> None:
    """What was written is read back the same."""
    position, finished = drawn
    assert decode(position, encode(position, finished, BINDING), BINDING) == Told(Verdict.BELIEVED, finished)


@given(maps())
def test_form(drawn: tuple[int, OffsetMap]) -> None:
    """The text is the version, then base64 of marks, position, distances in LEB128, and a CRC-32."""
    position, (upto, holes) = drawn
    before = (position, *holes)
    steps = [after - earlier for earlier, after in zip(before, holes, strict=False)]
    written = encode(position, OffsetMap(upto, holes), BINDING)
    assert written == marked(packed(position, upto - position, *steps))


@given(maps(), st.integers(0, 2**20))
def test_contains(drawn: tuple[int, OffsetMap], distance: int) -> None:
    """An offset is finished when it is below the end and no hole."""
    position, finished = drawn
    for offset in (position + distance, position, finished.upto, finished.upto - 1, *finished.holes[:5]):
        assert (offset in finished) == (offset < finished.upto and offset not in set(finished.holes))
    no_offset: object = "7"
    assert no_offset not in finished


@given(st.integers(0, LAST_OFFSET))
def test_nothing_to_say(position: int) -> None:
    """Where nothing is finished above the position the text still says what it is bound to."""
    bare = marked(packed(position, 0))
    assert encode(position, None, BINDING) == encode(position, OffsetMap(position, ()), BINDING) == bare
    assert decode(position, bare, BINDING) == Told(Verdict.BELIEVED, None)


def test_no_metadata() -> None:
    """Empty metadata is another program's commit: it tells nothing, and is told apart from a damaged map."""
    assert decode(5, "", BINDING) == Told(
        Verdict.EMPTY, None, "committed without metadata, by another program"
    )


# --- what it is bound to -----------------------------------------------------------------------

HERE, OURS = BINDING.log, Identity("conversions", "partner")
AGAIN = LogId(HERE.cluster, "another id")
ELSEWHERE = LogId("another cluster", "another id")

BOUND: dict[str, tuple[LogId, LogId, Verdict]] = {
    "the same": (HERE, HERE, Verdict.BELIEVED),
    "made anew": (HERE, AGAIN, Verdict.MADE_ANEW),
    "mirrored": (HERE, ELSEWHERE, Verdict.MIRRORED),
    "mirrored, no topic ids": (LogId(HERE.cluster), LogId(ELSEWHERE.cluster), Verdict.MIRRORED),
    "nothing known": (LogId(), LogId(), Verdict.BELIEVED),
    "the cluster alone": (LogId(HERE.cluster), LogId(HERE.cluster), Verdict.BELIEVED),
    "the topic alone": (LogId(None, "id"), LogId(None, "id"), Verdict.BELIEVED),
    "the cluster not known then": (LogId(None, "id"), LogId("cluster", "id"), Verdict.BELIEVED),
    "the cluster not known now": (LogId("cluster", "id"), LogId(None, "id"), Verdict.BELIEVED),
    "the topic not known then": (LogId(HERE.cluster), HERE, Verdict.UNPROVEN),
    "the topic not known now": (HERE, LogId(HERE.cluster), Verdict.UNPROVEN),
    "another topic of no known cluster": (LogId(None, "id"), LogId(None, "another"), Verdict.UNPROVEN),
    "another topic, the cluster known now": (
        LogId(None, "id"),
        LogId("cluster", "another"),
        Verdict.UNPROVEN,
    ),
    "nothing known then": (LogId(), LogId("cluster"), Verdict.UNPROVEN),
}


@pytest.mark.parametrize(("then", "now", "verdict"), BOUND.values(), ids=[*BOUND])
@pytest.mark.parametrize("finished", [None, OffsetMap(9, (5,))])
def test_bound_to_its_log(then: LogId, now: LogId, verdict: Verdict, finished: OffsetMap | None) -> None:
    """A map is believed for the log that it was written for, and for no other."""
    told = decode(5, encode(5, finished, Binding(then, OURS)), Binding(now, OURS))
    believed = verdict is Verdict.BELIEVED
    assert told == Told(verdict, finished if believed else None, "" if believed else verdict.value)


@given(maps(), st.integers(0, LAST_OFFSET))
def test_bound_to_its_position(drawn: tuple[int, OffsetMap], other: int) -> None:
    """A map under another position is not believed, wherever that is."""
    position, finished = drawn
    assume(other != position)
    told = decode(other, encode(position, finished, BINDING), BINDING)
    assert told == Told(Verdict.EDITED, None, f"written for position {position}, not {other}")


@pytest.mark.parametrize("position", [5, 6])
@pytest.mark.parametrize("now", [HERE, AGAIN, ELSEWHERE, LogId()])
def test_another_deployment(position: int, now: LogId) -> None:
    """What another source topic or destination wrote is told first, whatever else differs."""
    text = encode(5, OffsetMap(9, (5,)), BINDING)
    for other in (Identity("orders", OURS.destination), Identity(OURS.source, "other")):
        told = decode(position, text, Binding(now, other))
        assert told == Told(Verdict.OTHER_IDENTITY, None, Verdict.OTHER_IDENTITY.value)


def test_anyone_adopted() -> None:
    """Who asks without an identity takes anyone's map for his."""
    text = encode(5, OffsetMap(9, (5,)), BINDING)
    assert decode(5, text, Binding(HERE)).finished == OffsetMap(9, (5,))


def test_mirrored_before_edited() -> None:
    """A translated offset of another cluster is told as that."""
    text = encode(5, OffsetMap(9, (5,)), BINDING)
    assert decode(3, text, Binding(ELSEWHERE, OURS)).verdict is Verdict.MIRRORED


@given(st.text(), st.text())
def test_marks(one: str, other: str) -> None:
    """Two ids have the same mark only if they are the same, and none has that of the unknown."""
    first, second = marks_of(Binding(LogId(one, other))), marks_of(Binding(LogId(other, one)))
    assert (first.cluster == second.cluster) is (one == other)
    assert first.cluster == second.topic
    assert all(len(mark) == MARK_BYTES for mark in first)
    assert UNKNOWN not in {first.cluster, first.topic}
    assert first.identity == UNKNOWN


# --- the broker's bound ------------------------------------------------------------------------


def worst(unfinished: int, span: int, gaps: tuple[int, ...]) -> OffsetMap:
    """Spend the span on gaps of these sizes while there is room, the first first, the rest on ones."""
    offsets, end = [0], span - 1
    for _ in range(unfinished - 1):
        left = unfinished - len(offsets)
        gap = next((gap for gap in gaps if offsets[-1] + gap + (left - 1) * gaps[-1] < end), 1)
        offsets.append(offsets[-1] + gap)
    return OffsetMap(span, tuple(offsets))


@pytest.mark.parametrize("position", [0, 2**62])
@pytest.mark.parametrize("gaps", [(1 << 14, 1 << 7), (1 << 7,), (1 << 14, 1), (1 << 19, 1 << 14, 1 << 7)])
def test_the_worst_map_fits_whole(position: int, gaps: tuple[int, ...]) -> None:
    """1,500 unfinished offsets within the span fit, wherever they lie; gaps of 16,384 cost the most."""
    upto, holes = worst(MOST_UNFINISHED, MAX_SPAN_OFFSETS, gaps)
    assert len(holes) == MOST_UNFINISHED
    assert upto - holes[0] <= MAX_SPAN_OFFSETS
    finished = OffsetMap(position + upto, tuple(position + hole for hole in holes))
    text = encode(position, finished, BINDING)
    assert len(text) <= MAX_CHARACTERS
    assert read(text).finished == finished


def test_no_map_of_that_many_is_longer() -> None:
    """Counted by bytes: no choice of 1,499 gaps within the span needs more than there is room for."""
    two, three = 1 << 7, 1 << 14
    longest = 0
    for big in range(MAX_SPAN_OFFSETS // three + 1):
        middle = min(MOST_UNFINISHED - 1 - big, (MAX_SPAN_OFFSETS - big * three) // two)
        small = MOST_UNFINISHED - 1 - big - middle
        if big * three + middle * two + small < MAX_SPAN_OFFSETS:
            longest = max(longest, 1 + 3 * big + 2 * middle + small)
    body = len(MARKS) + len(packed(LAST_OFFSET, MAX_SPAN_OFFSETS)) + longest + 4
    assert 1 + -(-body * 4 // 3) <= MAX_CHARACTERS


@given(
    st.integers(0, 2**62),
    st.lists(st.integers(1, 2**30), min_size=1, max_size=20),
    st.integers(600, 4_000),
)
def test_a_map_too_long_says_less(position: int, gaps: list[int], unfinished: int) -> None:
    """However many are unfinished and however far apart, the text fits, and what it tells is true."""
    holes = tuple(accumulate(islice(cycle(gaps), unfinished), initial=position))
    assume(holes[-1] < LAST_OFFSET)
    finished = OffsetMap(holes[-1] + 10, holes)
    text = encode(position, finished, BINDING)
    assert len(text) <= MAX_CHARACTERS
    told = read(text).finished
    assert told is not None
    assert told == finished or (told.upto in holes and told.holes == holes[: holes.index(told.upto)])
    assert told == finished or len(text) > MAX_CHARACTERS - 40, "it uses the room that it has"


# --- damage ------------------------------------------------------------------------------------

looks_like_one = st.text("AQgwZz019+/=-_ \n\x00\ud800é", max_size=40).map("2".__add__)


@given(st.integers(0, 2**62), st.one_of(st.text(), looks_like_one))
def test_foreign_text(position: int, text: str) -> None:
    """Any text but none is told to be damaged."""
    expected = Verdict.DAMAGED if text else Verdict.EMPTY
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


@given(st.integers(0, 40), st.sets(st.integers(0, 40)), st.integers(0, 40), st.sets(st.integers(0, 40)))
def test_union(upto: int, holes: set[int], other_upto: int, other_holes: set[int]) -> None:
    """What either of two maps tells finished is finished in their union, and nothing else."""
    one = OffsetMap(upto, tuple(sorted(hole for hole in holes if hole < upto)))
    other = OffsetMap(other_upto, tuple(sorted(hole for hole in other_holes if hole < other_upto)))
    both = union(one, other)
    assert both is not None
    for offset in range(45):
        assert (offset in both) == (offset in one or offset in other)


def test_union_with_nothing() -> None:
    """A map beside none is itself."""
    one = OffsetMap(3, (1,))
    assert [union(one, None), union(None, one), union(None, None)] == [one, one, None]


@given(st.sets(st.integers(0, 30)), st.integers(0, 30), st.integers(0, 30))
def test_below(holes: set[int], upto: int, offset: int) -> None:
    """Of the offsets below a place the map tells the same, and of the others nothing."""
    finished = OffsetMap(upto, tuple(sorted(hole for hole in holes if hole < upto)))
    cut = finished.below(offset)
    for one in range(31):
        assert (one in cut) == (one < offset and one in finished)
