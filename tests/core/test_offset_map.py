"""The map of finished offsets: written whole where it fits, read back the same, not believed when damaged."""

from __future__ import annotations

from itertools import accumulate, cycle, islice

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.core.examples import BINDING
from tests.core.maps import LAST_OFFSET, MARKS, MOST_UNFINISHED, maps, marked, packed
from worker.core.binding import MARK_BYTES, UNKNOWN, Binding, Identity, LogId, marks_of
from worker.core.offset_map import (
    MAX_CHARACTERS,
    CheckedMetadata,
    MetadataVerdict,
    OffsetMap,
    claimed,
    decode,
    encode,
    read,
    union,
)
from worker.core.offsets import MAX_SPAN_OFFSETS


@given(maps())
def test_round_trip(drawn: tuple[int, OffsetMap]) -> None:
    """What was written is read back the same."""
    position, finished = drawn
    assert decode(position, encode(position, finished, BINDING), BINDING) == CheckedMetadata(
        MetadataVerdict.BELIEVED, finished
    )


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
    assert decode(position, bare, BINDING) == CheckedMetadata(MetadataVerdict.BELIEVED, None)


def test_no_metadata() -> None:
    """Empty metadata is another program's commit: it tells nothing, and is told apart from a damaged map."""
    assert decode(5, "", BINDING) == CheckedMetadata(
        MetadataVerdict.EMPTY, None, "committed without metadata, by another program"
    )


# --- what it is bound to -----------------------------------------------------------------------

HERE, OURS = BINDING.log, Identity("conversions", "partner")
AGAIN = LogId(HERE.cluster, "another id")
ELSEWHERE = LogId("another cluster", "another id")

BOUND: dict[str, tuple[LogId, LogId, MetadataVerdict]] = {
    "the same": (HERE, HERE, MetadataVerdict.BELIEVED),
    "made anew": (HERE, AGAIN, MetadataVerdict.MADE_ANEW),
    "mirrored": (HERE, ELSEWHERE, MetadataVerdict.MIRRORED),
    "mirrored, no topic ids": (LogId(HERE.cluster), LogId(ELSEWHERE.cluster), MetadataVerdict.MIRRORED),
    "nothing known": (LogId(), LogId(), MetadataVerdict.BELIEVED),
    "the cluster alone": (LogId(HERE.cluster), LogId(HERE.cluster), MetadataVerdict.BELIEVED),
    "the topic alone": (LogId(None, "id"), LogId(None, "id"), MetadataVerdict.BELIEVED),
    "the cluster not known then": (LogId(None, "id"), LogId("cluster", "id"), MetadataVerdict.BELIEVED),
    "the cluster not known now": (LogId("cluster", "id"), LogId(None, "id"), MetadataVerdict.BELIEVED),
    "the topic not known then": (LogId(HERE.cluster), HERE, MetadataVerdict.UNPROVEN),
    "the topic not known now": (HERE, LogId(HERE.cluster), MetadataVerdict.UNPROVEN),
    "another topic of no known cluster": (
        LogId(None, "id"),
        LogId(None, "another"),
        MetadataVerdict.UNPROVEN,
    ),
    "another topic, the cluster known now": (
        LogId(None, "id"),
        LogId("cluster", "another"),
        MetadataVerdict.UNPROVEN,
    ),
    "nothing known then": (LogId(), LogId("cluster"), MetadataVerdict.UNPROVEN),
}


@pytest.mark.parametrize(("then", "now", "verdict"), BOUND.values(), ids=[*BOUND])
@pytest.mark.parametrize("finished", [None, OffsetMap(9, (5,))])
def test_bound_to_its_log(
    then: LogId, now: LogId, verdict: MetadataVerdict, finished: OffsetMap | None
) -> None:
    """A map is believed for the log that it was written for, and for no other."""
    told = decode(5, encode(5, finished, Binding(then, OURS)), Binding(now, OURS))
    believed = verdict is MetadataVerdict.BELIEVED
    assert told == CheckedMetadata(verdict, finished if believed else None, "" if believed else verdict.value)


@given(maps(), st.integers(0, LAST_OFFSET))
def test_bound_to_its_position(drawn: tuple[int, OffsetMap], other: int) -> None:
    """A map under another position is not believed, wherever that is."""
    position, finished = drawn
    assume(other != position)
    told = decode(other, encode(position, finished, BINDING), BINDING)
    assert told == CheckedMetadata(
        MetadataVerdict.EDITED, None, f"written for position {position}, not {other}"
    )


@pytest.mark.parametrize("position", [5, 6])
@pytest.mark.parametrize("now", [HERE, AGAIN, ELSEWHERE, LogId()])
def test_another_deployment(position: int, now: LogId) -> None:
    """What another source topic or destination wrote is told first, whatever else differs."""
    text = encode(5, OffsetMap(9, (5,)), BINDING)
    for other in (Identity("orders", OURS.destination), Identity(OURS.source, "other")):
        told = decode(position, text, Binding(now, other))
        assert told == CheckedMetadata(
            MetadataVerdict.OTHER_IDENTITY, None, MetadataVerdict.OTHER_IDENTITY.value
        )


def test_anyone_adopted() -> None:
    """Who asks without an identity takes anyone's map for his."""
    text = encode(5, OffsetMap(9, (5,)), BINDING)
    assert decode(5, text, Binding(HERE)).finished == OffsetMap(9, (5,))


def test_mirrored_before_edited() -> None:
    """A translated offset of another cluster is told as that."""
    text = encode(5, OffsetMap(9, (5,)), BINDING)
    assert decode(3, text, Binding(ELSEWHERE, OURS)).verdict is MetadataVerdict.MIRRORED


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
    """Of the offsets below a place the map tells the same, and of the others nothing; it can be written."""
    finished = OffsetMap(upto, tuple(sorted(hole for hole in holes if hole < upto)))
    cut = finished.below(offset)
    for one in range(31):
        assert (one in cut) == (one < offset and one in finished)
    assert read(encode(0, cut, BINDING)).finished == (cut if cut.upto else None)


def test_claimed() -> None:
    """Who only reads believes a map under its own position alone, and nothing that is damaged."""
    finished = OffsetMap(8, (5, 6))
    metadata = encode(5, finished, BINDING)
    assert claimed(5, metadata) == finished
    assert claimed(3, metadata) is None
    assert claimed(5, "") is claimed(5, "damaged") is None
