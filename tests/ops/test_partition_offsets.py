"""Sets of places, and numbers for digests: as sets and dicts are, in few bytes."""

from __future__ import annotations

from hashlib import blake2b

from hypothesis import given
from hypothesis import strategies as st

from worker.ops.numbering import DIGEST_BYTES, Numbering
from worker.ops.partition_offsets import NO_OFFSETS, PartitionOffset, PartitionOffsets

PLACES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)))


@given(PLACES, PLACES)
def test_places_are_a_set(some: list[PartitionOffset], others: list[PartitionOffset]) -> None:
    """They are what a set of the same is, whatever is asked of them."""
    one, other = PartitionOffsets.of(some), PartitionOffsets.of(others)
    wanted: object = set(some)
    assert one == wanted
    assert list(one) == sorted(set(some))
    assert (len(one), one & other, one | other) == (len(set(some)), set(some) & set(others), {*some, *others})
    assert one - other == set(some) - set(others)
    assert all((place in one) is (place in some) for place in others)


def test_what_is_no_place() -> None:
    """Nothing else is in them; what are places already are not made anew."""
    some = PartitionOffsets.of([(0, 1)])
    wrong: object = "0/1"
    assert wrong not in some
    assert PartitionOffsets.of(some) is some
    assert not NO_OFFSETS
    assert repr(some) == "PartitionOffsets([(0, 1)])"


@given(st.lists(st.integers(0, 5_000), max_size=3_000))
def test_numbers(texts: list[int]) -> None:
    """Each digest has a number of its own, the next one where it is new, and keeps it."""
    numbering, known = Numbering(), dict[bytes, int]()
    for text in texts:
        digest = blake2b(b"%d" % text, digest_size=DIGEST_BYTES).digest()
        assert numbering.number(digest) == known.setdefault(digest, len(known))
    assert len(numbering) == len(known)


def test_many() -> None:
    """However many conversions there are, each is told from the others, and found again."""
    numbers = Numbering()
    digests = [number.to_bytes(2, "big") * (DIGEST_BYTES // 2) for number in range(3000)]
    for _ in range(2):
        assert [numbers.number(digest) for digest in digests] == list(range(3000))


def test_digests_that_are_alike() -> None:
    """Digests that differ in half of their bytes alone are two."""
    numbering = Numbering()
    alike = [bytes([first]) + bytes(14) + bytes([last]) for first in range(3) for last in range(3)]
    assert [numbering.number(digest) for digest in alike * 2] == [*range(9), *range(9)]
