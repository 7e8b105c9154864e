"""The file that keeps what is remembered: it says all of it, or is not believed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.binding import LogId
from worker.core.copies import DEAD, DELIVERED, WAITING, RememberedConversion, digest
from worker.core.ids_cache import (
    VERSION,
    Anchor,
    CacheContents,
    CacheOwner,
    JournalPosition,
    JournalPositions,
    NotBelieved,
    Seal,
    digest_of,
    packed,
    unpacked,
)
from worker.core.remembered_ids import RememberedIds, StepMark

LOG = LogId("cluster", "topic-id")
POSITIONS = JournalPositions(
    LOG, {0: JournalPosition(7, Anchor(6, 3, digest_of(b"key", b"value"))), 11: JournalPosition(0, None)}
)
MOST, WINDOW = 100, 60.0


def filled(count: int, most: int = MOST) -> RememberedIds:
    """What is remembered of so many deliveries, a hundred in a second."""
    ids = RememberedIds(most, WINDOW)
    for number in range(count):
        ids.mark(
            StepMark(
                digest(0, b"e-%d" % number), 0, RememberedConversion(DELIVERED, number, 1, 0), number / 100
            )
        )
    return ids


def owner_of(ids: RememberedIds) -> CacheOwner:
    """Whose memory it is."""
    return CacheOwner("worker", ids.most, ids.window, ids.buckets)


def sealed(pieces: Iterator[bytes]) -> bytes:
    """A file, as it is written."""
    seal, written = Seal(), b""
    for piece in pieces:
        seal.add(piece)
        written += piece
    return written + seal.made()


@cache
def small() -> bytes:
    """A file of a few conversions."""
    ids = filled(5)
    return sealed(packed(ids, owner_of(ids), POSITIONS))


def read(file: bytes, owner: CacheOwner | None = None, log: LogId = LOG) -> CacheContents:
    """Read a file."""
    return unpacked(BytesIO(file), owner or owner_of(filled(0)), log)


@given(st.integers(0, 350), st.sampled_from([1, 7, MOST, 1000]))
def test_all_of_it(count: int, most: int) -> None:
    """What is taken up is what was remembered, no more and no less, and is forgotten in its time."""
    ids = filled(count, most)
    found = read(sealed(packed(ids, owner_of(ids), POSITIONS)), owner_of(ids))
    assert found.positions == POSITIONS
    again = RememberedIds(most, WINDOW)
    again.take_up(found.kept)
    assert again.count == ids.count <= most
    assert sum(map(len, found.kept.buckets)) <= 32 * most
    for number in range(count):
        key = digest(0, b"e-%d" % number)
        assert again.known(key, 4.0) == ids.known(key, 4.0)
    for one in (ids, again):
        for number in range(1000, 1000 + most):
            one.mark(
                StepMark(
                    digest(0, b"e-%d" % number), 0, RememberedConversion(DEAD, number, 1, 0), number / 100
                )
            )
            assert one.count <= most
    assert again.remembered(10 * WINDOW) == 0


@given(st.data())
def test_any_byte_changed(data: st.DataObject) -> None:
    """A file of which any byte is another one is not believed."""
    file = bytearray(small())
    at = data.draw(st.integers(0, len(file) - 1))
    file[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(NotBelieved):
        read(bytes(file))


@given(st.data())
def test_torn_or_longer(data: st.DataObject) -> None:
    """A file that ends early, or goes on, is not believed; nor is anything else."""
    end = data.draw(st.integers(0, len(small()) - 1))
    more = data.draw(st.binary(max_size=200))
    for file in (small()[:end], small() + b"\0" + more, more, VERSION + more, small()[:end] + more):
        if file != small():
            with pytest.raises(NotBelieved):
                read(file)


def test_damage_that_is_sealed() -> None:
    """What can't be is not believed, though its checksum is right."""
    head = b'{"owner": ["worker", 100, 60.0, 1], "log": ["cluster", "topic-id"], "places": {}}'
    for first, rest in (
        (b"[" * 100_000, b""),
        (b"[]", b""),
        (b"7", b""),
        (head, b"\x01\0\0\0\0"),  # no whole slot
        (head, b"\xff\xff\xff\xff"),
        (head, b"\x20\0\0\0" + bytes(32) + b"\x07\0\0\0[0, []]"),  # of a chunk that is not there
        (head, b"\0\0\0\0\x02\0\0\0[]"),
        (head, b"\0\0\0\0\x03\0\0\0{;}"),
    ):
        with pytest.raises(NotBelieved):
            read(sealed(iter([VERSION, len(first).to_bytes(4, "little"), first, rest])))


@pytest.mark.parametrize(
    ("owner", "log", "why"),
    [
        (CacheOwner("another", MOST, WINDOW, 1), LOG, "settings"),
        (CacheOwner("worker", MOST + 1, WINDOW, 1), LOG, "settings"),
        (CacheOwner("worker", MOST, WINDOW + 1, 1), LOG, "settings"),
        (CacheOwner("worker", MOST, WINDOW, 2), LOG, "settings"),
        (None, LogId("another", "topic-id"), "another journal"),
        (None, LogId("cluster", "another"), "another journal"),
        (None, LogId("cluster", None), "another journal"),
    ],
)
def test_of_something_else(owner: CacheOwner | None, log: LogId, why: str) -> None:
    """A file of another group, bound, window, cluster or topic is not believed, and it is said why."""
    with pytest.raises(NotBelieved, match=why):
        read(small(), owner, log)


def test_of_another_version() -> None:
    """A file that another version wrote is not believed."""
    with pytest.raises(NotBelieved, match="version"):
        read(small().replace(b"ids 2", b"ids 1"))


def test_what_changes_meanwhile() -> None:
    """What is forgotten or comes while a file is made does no harm: what was and is remembered is in it."""
    ids = filled(1000, 10_000)
    pieces = packed(ids, owner_of(ids), POSITIONS)
    made = [next(pieces), next(pieces)]
    for number in range(1000, 10_500):
        ids.mark(
            StepMark(
                digest(0, b"e-%d" % number),
                0,
                RememberedConversion(DELIVERED, number, 1, 0),
                10 + number / 1000,
            )
        )
    found = read(sealed(iter([*made, *pieces])), owner_of(ids))
    again = RememberedIds(10_000, WINDOW)
    again.take_up(found.kept)
    assert again.count <= 10_000
    still = [number for number in range(1000) if ids.known(digest(0, b"e-%d" % number), 20.0)]
    assert still
    assert all(again.known(digest(0, b"e-%d" % number), 20.0) for number in still)


def test_what_is_newer() -> None:
    """What was remembered before the file was read is newer, and stays; but a delivery counts for ever."""
    kept = read(sealed(packed(ids := filled(3), owner_of(ids), POSITIONS))).kept
    again = RememberedIds(MOST, WINDOW)
    for number in (2, 5):
        again.mark(StepMark(digest(0, b"e-%d" % number), 0, RememberedConversion(DEAD, 90, 0, 0), 1.0))
    again.take_up(kept)
    known = [again.known(digest(0, b"e-%d" % number), 1.0) for number in (1, 2, 5)]
    assert [of and of.state for of in known] == [DELIVERED, DELIVERED, DEAD]
    assert again.count == 4


def test_what_went_on_meanwhile() -> None:
    """Of what both the file and the memory know, the furthest step counts."""
    ids = RememberedIds(MOST, WINDOW)
    for number, state in enumerate((WAITING, WAITING, DEAD)):
        ids.mark(StepMark(digest(0, b"e-%d" % number), 0, RememberedConversion(state, number, 2, 0), 1.0))
    kept = read(sealed(packed(ids, owner_of(ids), POSITIONS))).kept
    again = RememberedIds(MOST, WINDOW)
    for number, (state, attempts) in enumerate(((DELIVERED, 3), (DEAD, 2), (WAITING, 2))):
        known = RememberedConversion(state, number, attempts, 0)
        again.mark(StepMark(digest(0, b"e-%d" % number), 0, known, 2.0))
    again.take_up(kept)
    known_now = [again.known(digest(0, b"e-%d" % number), 2.0) for number in range(3)]
    assert [of and of.state for of in known_now] == [DELIVERED, DEAD, DEAD]
    assert again.count == 3


def test_an_anchor_is_exact() -> None:
    """Two records that differ have different digests, also where key and value lie together the same."""
    records = [(b"a", b"bc"), (b"x", b"bc"), (b"a", b"bx"), (b"ab", b"c"), (None, b"abc"), (b"abc", None)]
    assert len({digest_of(*record) for record in records}) == len(records)
