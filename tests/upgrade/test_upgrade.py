"""What earlier versions left is read by today's, and what today's leaves by the one before."""

from __future__ import annotations

import asyncio
import json
from types import ModuleType

import pytest

from schemas import DeadLetter, WorkerHeaders, read_step
from tests.fakes import FakeControl
from tests.runner.harness import DLQ, IDENTITY, JOURNAL, SOURCE, Harness
from tests.upgrade import keep, reader_0_1_0
from tests.upgrade.state import VERSIONS, State, read
from tests.upgrade.story import (
    CONTROL,
    DEAD,
    END,
    FINISHED,
    NOW,
    ORDERS,
    POSITION,
    SOURCE_AT,
    STEPS,
    TIERS,
    UNFINISHED,
    WAITING,
    play,
)
from worker.core import order_records
from worker.core.answer import Response
from worker.core.assigned_partition import Position
from worker.core.binding import Binding, LogId
from worker.core.offset_map import MetadataVerdict, decode
from worker.core.record import Partition
from worker.core.remembered_offsets import recall

each_version = pytest.mark.parametrize("version", VERSIONS)

READERS: list[ModuleType] = [reader_0_1_0]
"""How the version before, and this one, read: a rollback goes one version back."""

each_reader = pytest.mark.parametrize(
    "reader", READERS, ids=lambda reader: reader.__name__.rpartition(".")[2]
)


@pytest.fixture(scope="module")
def today() -> State:
    """What today's version leaves."""
    return asyncio.run(play())


def taking_over(state: State) -> Harness:
    """Today's worker, before it takes over what lies there."""
    return Harness(kafka=state.kafka(), journal=True, control=CONTROL, tier_topics=TIERS)


# --- forward ---------------------------------------------------------------------------------------


@each_version
async def test_taken_over(version: str) -> None:
    """What had ended is not sent again, what had not is, and what waits is sent when it is due."""
    at_work = taking_over(read(version))
    async with at_work:
        at_work.source.assign(*at_work.kafka.partitions([SOURCE, *TIERS.values()]))
        await at_work.committed(END, SOURCE_AT)
        assert [click.partition("&")[0] for click in at_work.clicks] == [f"c-{n}" for n in UNFINISHED]
        at_work.time.advance(10.0)
        await at_work.sent(2)
        at_work.time.advance(50.0)
        await at_work.sent(3)
        await at_work.ended(3)
        assert [click.partition("&")[0] for click in at_work.clicks[1:]] == list(WAITING)
    assert at_work.heard.map_refusals == []
    assert [ending.attempts for ending in at_work.heard.endings] == [1, 2, 3]
    assert at_work.heard.starts == []


@each_version
def test_what_was_committed(version: str) -> None:
    """The metadata of a commit tells which offsets above it had ended."""
    state = read(version)
    position, metadata = state.committed[SOURCE_AT]
    told = decode(position, metadata, Binding(state.ids[SOURCE], IDENTITY))
    assert (position, told.verdict) == (POSITION, MetadataVerdict.BELIEVED)
    assert told.finished is not None
    assert [n for n in range(POSITION, END) if n in told.finished] == [n for n in FINISHED if n >= POSITION]


@each_version
def test_what_waits(version: str) -> None:
    """The headers on a tier tell attempts, due time and origin; the producer's own are as they were."""
    state = read(version)
    for click, (at, attempts, due) in WAITING.items():
        (one,) = [
            one
            for one in state.records[at]
            if json.loads(one.value or b"")["click_id"] == click and one.headers
        ]
        told = WorkerHeaders.read(one.headers)
        assert (told.attempts, told.due_at, told.origin) == (attempts, due, f"{SOURCE}/0/{click[2:]}")


@each_version
def test_dead_letters(version: str) -> None:
    """Dead letters tell why they ended there."""
    letters = [
        DeadLetter.from_record(DLQ, 0, offset, one.key, one.value, one.headers, one.timestamp)
        for offset, one in enumerate(read(version).topic(DLQ))
    ]
    told = {letter.event_id: (letter.reason, letter.attempts, letter.replays or None) for letter in letters}
    assert told == DEAD


@each_version
def test_the_journal(version: str) -> None:
    """Each step of the journal is read."""
    steps = [read_step(one.value) for one in read(version).topic(JOURNAL)]
    assert {(step.step, step.event_id) for step in steps if step is not None} == STEPS
    assert len(steps) == len(STEPS)


@each_version
def test_the_control_topic(version: str) -> None:
    """What the group remembers and what was ordered are read, each by who reads it."""
    state = read(version)
    records = state.topic(CONTROL)
    recalled = dict(found for one in records if (found := recall(one.key, one.value)) is not None)
    assert (recalled[SOURCE_AT].offset, recalled[SOURCE_AT].topic_id) == (
        POSITION,
        state.ids[SOURCE].topic_id,
    )
    keys = [(order_records.key_of(one.key), one.value) for one in records]
    assert [order_records.read(key, value) for key, value in keys if key is not None] == ORDERS


# --- back ------------------------------------------------------------------------------------------


@each_reader
def test_commits_after_a_rollback(reader: ModuleType, today: State) -> None:
    """The version before believes the metadata of today's commits, and reads the same of it."""
    told = reader.metadata(today.committed[SOURCE_AT].metadata)
    assert (told.position, told.upto, told.holes) == (POSITION, END, UNFINISHED)
    for at, (offset, metadata) in today.committed.items():
        assert reader.metadata(metadata).position == offset, at


@each_reader
def test_headers_after_a_rollback(reader: ModuleType, today: State) -> None:
    """The version before reads each worker header that today's writes, and none of them as absent."""
    own = {
        name
        for log in today.records.values()
        for one in log
        for name, _ in one.headers
        if "postback-" in name
    }
    assert own == reader.HEADERS.keys()
    for log in today.records.values():
        for one in log:
            reader.headers(one.headers)


@each_reader
def test_topics_after_a_rollback(reader: ModuleType, today: State) -> None:
    """The version before reads each step of today's journal, what the group remembers, and its orders."""
    steps = [reader.step(one.value) for one in today.topic(JOURNAL)]
    assert {(step["step"], step.get("event_id")) for step in steps} == STEPS
    remembered = [
        found for one in today.topic(CONTROL) if (found := reader.memory(one.key, one.value)) is not None
    ]
    assert (SOURCE, 0, POSITION, today.ids[SOURCE].topic_id) in remembered
    ordered = [
        found for one in today.topic(CONTROL) if (found := reader.order(one.key, one.value)) is not None
    ]
    assert [key for key, _ in ordered] == [order.key for order in ORDERS]


# --- what a later version may have left ------------------------------------------------------------


async def test_a_later_map(today: State) -> None:
    """A later version's map is not believed, which is said; what had ended above it is sent once more."""
    at_work = taking_over(today)
    position, metadata = today.committed[SOURCE_AT]
    at_work.kafka.committed[SOURCE_AT] = Position(position, f"3{metadata[1:]}")
    async with at_work:
        at_work.sender.answer = lambda _: Response(200)
        at_work.source.assign(SOURCE_AT)
        await at_work.committed(END, SOURCE_AT)
    assert at_work.heard.map_refusals == ["unknown version '3'"]
    assert {click.partition("&")[0] for click in at_work.clicks} == {"c-3", "c-4", "c-6", "c-7", "c-8"}


async def test_later_headers(today: State) -> None:
    """Headers and reasons that a later version added are passed over; the record is sent when it is due."""
    at_work = taking_over(today)
    waiting, _, due = WAITING["c-1"]
    *before, one = at_work.kafka.logs[waiting]
    later = [(name, b"a_later_word" if name == "postback-reason" else value) for name, value in one.headers]
    at_work.kafka.logs[waiting] = [*before, one._replace(headers=[*later, ("postback-later", b"\xff")])]
    async with at_work:
        at_work.sender.answer = lambda _: Response(200)
        at_work.source.assign(waiting)
        at_work.time.advance(due - NOW)
        await at_work.ended(1)
    assert at_work.heard.endings[0].attempts == 2


def test_later_steps() -> None:
    """A step of a kind that this version does not know is none; unknown fields are passed over."""
    step = {"at": "2026-01-02T03:04:05.000Z", "step": "delivered", "origin": "conversions/0/1"}
    told = read_step(json.dumps({**step, "later": {"a": 1}}).encode())
    assert told is not None
    assert told.origin == "conversions/0/1"
    assert read_step(json.dumps({**step, "step": "later"}).encode()) is None


async def test_later_records_of_control(today: State) -> None:
    """A record of control of a kind that this version does not know stops nothing, nor does a later field."""
    waiting = [(one.key, one.value) for one in today.topic(CONTROL)]
    orders = FakeControl()
    orders.write(*waiting, (b"later/1", b"\xff"), (b"position/conversions/0/later", b"{}"))
    at_work = Harness(journal=True, control=CONTROL, orders=orders)
    at_work.kafka.create(CONTROL)
    async with at_work:
        at_work.source.assign(at_work.first)
        at_work.write(1)
        await at_work.ended(1)
    assert at_work.heard.troubles == []
    later = {"offset": 7, "topic_id": "id", "at": "2026-01-02T03:04:05.000Z", "epoch": 3}
    found = recall(b"position/conversions/0", json.dumps(later).encode())
    assert found is not None
    assert found[0] == Partition("conversions", 0)


# --- what is kept ----------------------------------------------------------------------------------


def test_a_version_is_kept_once() -> None:
    """What was kept of a version is not written anew."""
    with pytest.raises(FileExistsError):
        keep.keep(VERSIONS[-1])


def test_what_is_kept_reads_back(today: State) -> None:
    """What is kept is what lay there, whatever the bytes."""
    told = State.of(today.kafka())
    assert told == today
    assert json.loads(today.to_json())["ids"][SOURCE] == list(LogId("cluster-1", f"id of {SOURCE}"))
