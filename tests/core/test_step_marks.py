"""What is remembered for a step of the journal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import DeadReason
from schemas.journal import JournalStep, StepKind
from worker.core.copies import ConversionState, RememberedConversion, digest, digest_of_record
from worker.core.endings import Dead, Delivered, Duplicate
from worker.core.journal import DestinationJournal, step_of
from worker.core.record import Outgoing, Partition, Record
from worker.core.remembered_ids import StepMark
from worker.core.step_marks import mark_of

WAITING, DEAD, DELIVERED = ConversionState
STEP = JournalStep(
    at="2026-11-27T12:00:00.000Z",
    step=StepKind.DELIVERED,
    event_id="e-1",
    attempt=2,
    replays=3,
    origin="conversions/4/77",
    worker="w",
)
KNOWN = RememberedConversion(DELIVERED, 77, 0, 3)


def mark_of_step(step: JournalStep) -> StepMark | None:
    """What is remembered for a step under its event id."""
    return mark_of(b"e-1", step.to_json(), 5.0)


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (StepKind.DELIVERED, DELIVERED),
        (StepKind.RETRY, WAITING),
        (StepKind.DEAD, DEAD),
        (StepKind.CANCELLED, DEAD),
    ],
)
def test_each_kind(kind: StepKind, state: ConversionState) -> None:
    """A step is remembered by partition and event id; for a delivery the attempts do not matter."""
    step = STEP.model_copy(update={"step": kind})
    known = RememberedConversion(state, 77, 0 if state is DELIVERED else 2, 3)
    assert mark_of_step(step) == StepMark(digest(4, b"e-1"), 4, known, 5.0)


def test_copy() -> None:
    """A copy is remembered as a record alone."""
    step = STEP.model_copy(update={"step": StepKind.DUPLICATE, "attempt": None, "replays": None})
    assert mark_of_step(step) == StepMark(
        digest_of_record(digest(4, b"e-1"), 77), 4, RememberedConversion(DEAD, 77, 0, 0), 5.0
    )


@pytest.mark.parametrize(
    "value",
    [
        b'{"origin": "conversions/4/77", "step": "delivered", "attempt": 2, "replays": 3, "at": "today"}',
        b'{"at":"x","step":"delivered","attempt":2,"replays":3,"more":1,"origin":"conversions/4/77"}',
    ],
)
def test_written_otherwise(value: bytes) -> None:
    """A step is read however its JSON is written."""
    mark = mark_of(b"e-1", value, 5.0)
    assert mark is not None
    assert mark.known == KNOWN


@pytest.mark.parametrize("value", [None, b"", b"no JSON", b'{"at":"x","step":"lost","origin":"a/1/2"}'])
def test_no_step(value: bytes | None) -> None:
    """What is no step marks nothing."""
    assert mark_of(b"e-1", value, 5.0) is None


def test_without_key_or_origin() -> None:
    """Nor does a step that says not of what it tells."""
    assert mark_of(None, STEP.to_json(), 5.0) is None
    assert mark_of_step(STEP.model_copy(update={"origin": "conversions"})) is None


def test_counts_of_another_writer() -> None:
    """A count below none, or an offset that Kafka can't have, is not remembered."""
    mark = mark_of_step(STEP.model_copy(update={"step": StepKind.DEAD, "attempt": -5, "replays": -1}))
    assert mark is not None
    assert mark.known == RememberedConversion(DEAD, 77, 0, 0)
    assert mark_of_step(STEP.model_copy(update={"origin": "conversions/4/" + "9" * 20})) is None


@given(
    st.text(max_size=60),
    st.sampled_from([',"origin":"a/1/2","worker":"', ',"attempt":9', ',"replays":9', ""]),
)
def test_not_misled(text: str, more: str) -> None:
    """What an event, a partner or an error says is not taken for what the step says."""
    at = Partition("conversions", 4)
    record = Record(at, 77, b"k", b'{"event_id": "e-1", "click_id": "c"}', (), 0.0)
    error = text + more
    message = Outgoing("dlq", b"k", b"", ())
    dead = Dead(record, "e-1", 2, DeadReason.INVALID, error, message)
    out = step_of(dead, None, 1_700_000_000.0, False, DestinationJournal("journal", error.replace('"', "'")))
    mark = mark_of(out.key, out.value, 5.0)
    assert mark is not None
    assert mark.known == RememberedConversion(DEAD, 77, 2, 0)


def test_as_the_worker_writes_it() -> None:
    """What the worker writes of a delivery and of a copy is read back."""
    value = b'{"event_id": "e-1", "click_id": "c", "occurred_at": "2023-11-14T00:00:00Z"}'
    record = Record(Partition("conversions", 4), 77, b"k", value, (), 0.0)
    journaled = DestinationJournal("journal", "w")
    for ending, known in (
        (Delivered(record, "e-1", 1, 200, 0.0), RememberedConversion(DELIVERED, 77, 0, 0)),
        (Duplicate(record, "e-1"), RememberedConversion(DEAD, 77, 0, 0)),
    ):
        out = step_of(ending, None, 1_700_000_000.0, False, journaled)
        mark = mark_of(out.key, out.value, 5.0)
        assert mark is not None
        assert mark.known == known


def test_replays() -> None:
    """How often a conversion was replayed is read where it stands, and nowhere else."""
    beginning = (
        b'{"at":"2026-11-27T12:00:00.000Z","step":"delivered","event_id":"e,\\"replays\\":7","attempt":1'
    )
    end = b',"origin":"conversions/4/77","worker":"w"}'
    for replays, text in ((0, b""), (3, b',"replays":3'), (0, b',"ms":5')):
        mark = mark_of(b"e", beginning + text + end, 5.0)
        assert mark is not None
        assert mark.known == RememberedConversion(DELIVERED, 77, 0, replays)
    odd = mark_of(b"e", beginning + b',"replays":"3"' + end, 5.0)
    assert odd is not None
    assert odd.known.replays == 0
