"""What follows for a record, by what is remembered of its conversion."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.copies import (
    ConversionState,
    CopyDecision,
    DueRecord,
    RememberedConversion,
    digest,
    digest_of_record,
    follows,
    packed_delivery,
    replaces,
)

WAITING, DEAD, DELIVERED = ConversionState
SEND, FINISHED, DUPLICATE = CopyDecision
FRESH = DueRecord(7, on_tier=False, attempts=0, replays=0)
ON_TIER = DueRecord(7, on_tier=True, attempts=2, replays=0)


@pytest.mark.parametrize(
    ("seen", "known", "what"),
    [
        # nothing is known
        (FRESH, None, SEND),
        (ON_TIER, None, SEND),
        # the same record, read again
        (FRESH, RememberedConversion(WAITING, 7, 1, 0), FINISHED),
        (FRESH, RememberedConversion(WAITING, 7, 0, 0), FINISHED),
        (FRESH, RememberedConversion(DELIVERED, 7, 1, 0), FINISHED),
        (FRESH, RememberedConversion(DEAD, 7, 1, 0), FINISHED),
        # a tier's record of the same origin: the one that waits, one that has gone on, one that has ended
        (ON_TIER, RememberedConversion(WAITING, 7, 2, 0), SEND),
        (ON_TIER, RememberedConversion(WAITING, 7, 1, 0), SEND),
        (ON_TIER, RememberedConversion(WAITING, 7, 3, 0), FINISHED),
        (ON_TIER._replace(attempts=None), RememberedConversion(WAITING, 7, 3, 0), SEND),
        (ON_TIER, RememberedConversion(DELIVERED, 7, 3, 0), FINISHED),
        (ON_TIER, RememberedConversion(DEAD, 7, 3, 0), FINISHED),
        # one that ended without another attempt: it expired or was cancelled
        (ON_TIER, RememberedConversion(DEAD, 7, 2, 0), FINISHED),
        (ON_TIER._replace(attempts=None), RememberedConversion(DELIVERED, 7, 3, 0), FINISHED),
        # another record of the same event
        (FRESH, RememberedConversion(WAITING, 3, 1, 0), DUPLICATE),
        (FRESH, RememberedConversion(DELIVERED, 3, 1, 0), DUPLICATE),
        (FRESH, RememberedConversion(DEAD, 3, 1, 0), DUPLICATE),
        # a replay: of a dead one, also before it is known that it died; of a delivered one; the same again
        (FRESH._replace(replays=1), RememberedConversion(DEAD, 3, 1, 0), SEND),
        (FRESH._replace(replays=1), RememberedConversion(WAITING, 3, 1, 0), SEND),
        (FRESH._replace(replays=1), RememberedConversion(DELIVERED, 3, 1, 0), DUPLICATE),
        (FRESH._replace(replays=1), RememberedConversion(WAITING, 3, 1, 1), DUPLICATE),
        # a replay that lies where another record of its event lay, in a log that was deleted; its retry
        (FRESH._replace(replays=1), RememberedConversion(DEAD, 7, 1, 0), SEND),
        (ON_TIER._replace(replays=1), RememberedConversion(DEAD, 7, 3, 0), SEND),
        (FRESH._replace(replays=99), RememberedConversion(DEAD, 7, 3, 63), FINISHED),
        # a tier's record whose event another record delivered, or replays
        (ON_TIER, RememberedConversion(DELIVERED, 9, 1, 1), DUPLICATE),
        (ON_TIER, RememberedConversion(WAITING, 9, 1, 1), SEND),
    ],
)
def test_follows(seen: DueRecord, known: RememberedConversion | None, what: CopyDecision) -> None:
    """What follows for a record, by what is known of its event."""
    assert follows(seen, known) is what


@pytest.mark.parametrize(
    ("seen", "own", "what"),
    [
        (FRESH, RememberedConversion(DEAD, 7, 0, 0), FINISHED),
        (FRESH._replace(replays=1), RememberedConversion(DEAD, 7, 0, 1), FINISHED),
        (FRESH._replace(replays=1), RememberedConversion(DEAD, 7, 0, 0), SEND),
        (ON_TIER, RememberedConversion(WAITING, 7, 1, 0), SEND),
    ],
)
def test_own(seen: DueRecord, own: RememberedConversion, what: CopyDecision) -> None:
    """What is known of the record itself goes before what is known of another one of its event."""
    assert follows(seen, RememberedConversion(DEAD, 3, 1, 0), own) is what


@pytest.mark.parametrize(
    ("new", "old", "does"),
    [
        (RememberedConversion(DELIVERED, 7, 2, 0), RememberedConversion(WAITING, 7, 1, 0), True),
        (RememberedConversion(DELIVERED, 9, 2, 1), RememberedConversion(DEAD, 7, 1, 0), True),
        (RememberedConversion(DELIVERED, 7, 2, 0), RememberedConversion(WAITING, 9, 1, 1), True),
        (RememberedConversion(DELIVERED, 7, 1, 0), RememberedConversion(DEAD, 7, 3, 0), True),
        (RememberedConversion(DELIVERED, 9, 2, 1), RememberedConversion(DELIVERED, 7, 1, 0), False),
        (RememberedConversion(DEAD, 9, 0, 0), RememberedConversion(DELIVERED, 7, 1, 0), False),
        (RememberedConversion(WAITING, 7, 1, 0), RememberedConversion(DELIVERED, 7, 2, 0), False),
        (RememberedConversion(WAITING, 7, 2, 0), RememberedConversion(WAITING, 7, 1, 0), True),
        (RememberedConversion(WAITING, 7, 1, 0), RememberedConversion(WAITING, 7, 2, 0), False),
        (RememberedConversion(WAITING, 7, 2, 0), RememberedConversion(DEAD, 7, 2, 0), False),
        (RememberedConversion(DEAD, 7, 2, 0), RememberedConversion(WAITING, 7, 2, 0), True),
        (RememberedConversion(WAITING, 9, 1, 1), RememberedConversion(DEAD, 7, 3, 0), True),
        (RememberedConversion(WAITING, 7, 1, 1), RememberedConversion(DEAD, 7, 3, 0), True),
        (RememberedConversion(DEAD, 7, 3, 0), RememberedConversion(WAITING, 9, 1, 1), False),
    ],
)
def test_replaces(new: RememberedConversion, old: RememberedConversion, does: bool) -> None:
    """A delivery stands, of one record the furthest step, and of several the newest replay's."""
    assert replaces(new, old) is does


def test_digest() -> None:
    """Partition and key count, and nothing else; an event and a record are never taken for each other."""
    assert digest(1, b"e") == digest(1, b"e")
    digests = [digest(1, b"e"), digest(2, b"e"), digest(1, b"f"), digest(11, b""), digest(1, b"1 ")]
    digests += [
        digest_of_record(digests[0], 7),
        digest_of_record(digests[1], 7),
        digest_of_record(digests[0], 71),
    ]
    assert len(set(digests)) == len(digests)
    assert {len(one) for one in digests} == {16}


@given(
    st.builds(
        RememberedConversion,
        st.sampled_from(ConversionState),
        st.integers(0, 2**48 - 1),
        st.integers(0, 255),
        st.integers(0, 63),
    )
)
def test_packed(known: RememberedConversion) -> None:
    """What is packed is unpacked the same."""
    assert known.packed() < 2**64
    assert RememberedConversion.unpacked(known.packed()) == known


def test_packed_at_most() -> None:
    """More attempts and replays than fit are the most that fit; of an offset remains what fits."""
    assert RememberedConversion.unpacked(
        RememberedConversion(DEAD, 2**48 + 1, 1000, 1000).packed()
    ) == RememberedConversion(DEAD, 1, 255, 63)
    assert packed_delivery(9) == RememberedConversion(DELIVERED, 9, 1, 0).packed()
