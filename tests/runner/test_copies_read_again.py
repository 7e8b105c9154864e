"""Copies whose records are read again, sent again or given back: each has one ending."""

from __future__ import annotations

import pytest

from schemas import JournalStep, StepKind, WorkerHeaders
from tests.runner.copies import TIER, ids, told
from tests.runner.harness import (
    DLQ,
    JOURNAL,
    SHORT,
    SOURCE,
    Harness,
    conversion,
    some_turns,
    until,
)
from worker.core.answer import Response
from worker.core.record import Partition

NAMELESS = (b"\xff", b"[]", None, b'{"event_id":""}')
"""Records without an event id, whose steps are keyed by their origins."""


async def test_published_twice_to_a_tier() -> None:
    """Of a retry that lies in its tier twice, its acknowledgement having been lost, one is sent."""
    async with Harness(copies=ids()) as harness:
        for _ in range(2):
            harness.write_retry(7, due=harness.time.now())
        harness.source.assign(harness.first, harness.tier)
        await harness.committed(2, harness.tier)
    assert harness.clicks == ["c-7"]
    assert told(harness) == [("delivered", "conversions/0/7")]


async def test_a_retry_that_is_read_before_its_acknowledgement() -> None:
    """A retry that is due before its publish is acknowledged is sent once that is."""
    async with Harness(Response(500), copies=ids()) as harness:
        held = harness.publisher.hold(TIER)
        harness.source.assign(harness.first, harness.tier)
        harness.write(1)
        await harness.sent(1)
        await until("it lies in its tier", lambda: len(harness.kafka.records(TIER)) == 1)
        harness.time.advance(11)
        await some_turns()
        assert harness.clicks == ["c-1"]
        held.set()
        await harness.committed(1)
        await harness.committed(1, harness.tier)
    assert harness.clicks == ["c-1", "c-1"]
    assert told(harness) == [("retry", "conversions/0/0"), ("delivered", "conversions/0/0")]


async def test_sent_again_from_the_source() -> None:
    """What was delivered from the source after all is not sent from the tier that it lies in, too."""
    async with Harness(copies=ids()) as harness:
        harness.write(1)
        headers = WorkerHeaders(attempts=1, due_at=harness.time.now() + 5, origin=f"{SOURCE}/0/0").write()
        harness.kafka.append(harness.tier, conversion(1), b"key", headers)
        harness.source.assign(harness.first, harness.tier)
        await harness.committed(1)
        harness.time.advance(5)
        await harness.committed(1, harness.tier)
    assert harness.clicks == ["c-1"]
    assert told(harness) == [("delivered", "conversions/0/0")]


async def test_to_the_partition_of_its_origin() -> None:
    """A retry goes to the tier's partition that has the number of its origin's."""
    async with Harness(Response(500), copies=ids()) as harness:
        harness.kafka.create(TIER, 2)
        harness.source.assign(harness.second)
        harness.write(1, at=harness.second)
        await harness.committed(1, harness.second)
    assert [record.at for record in harness.kafka.records(TIER)] == [Partition(TIER, 1)]


async def test_a_dead_letter_read_again() -> None:
    """A dead letter that was read again adds neither a step nor a second letter."""
    async with Harness(copies=ids(), worker="another") as before:
        before.source.assign(before.first)
        before.write(1, payout="1,0")
        await before.committed(1)
    before.kafka.committed.clear()
    async with Harness(copies=ids(), kafka=before.kafka) as harness:
        harness.source.assign(harness.first)
        await harness.committed(1)
    assert [step for step, _ in told(harness)] == ["dead"]
    assert len(harness.kafka.records(DLQ)) == 1


async def test_without_an_event_id_read_again() -> None:
    """A dead letter without an event id that was read again adds neither a step nor a second letter."""
    async with Harness(copies=ids(), worker="another") as before:
        before.source.assign(before.first)
        for value in NAMELESS:
            before.kafka.append(before.first, value, timestamp=before.time.now())
        await before.committed(len(NAMELESS))
    before.kafka.committed.clear()
    async with Harness(copies=ids(), kafka=before.kafka) as harness:
        harness.source.assign(harness.first)
        await harness.committed(len(NAMELESS))
        harness.source.lose(harness.first)
        harness.kafka.committed.clear()
        harness.source.assign(harness.first)
        await harness.committed(len(NAMELESS))
    assert [step for step, _ in told(harness)] == ["dead"] * len(NAMELESS)
    assert len(harness.kafka.records(DLQ)) == len(NAMELESS)


@pytest.mark.parametrize("later", [60.0, 0.0], ids=["told by its time", "without a time"])
async def test_without_an_event_id_in_a_log_that_was_made_anew(later: float) -> None:
    """What ended at its offset in a deleted log is no ending of a record without an event id."""
    async with Harness(copies=ids(), worker="another") as before:
        before.source.assign(before.first)
        before.kafka.append(before.first, b"\xff", timestamp=before.time.now())
        await before.committed(1)
    before.kafka.make_anew(SOURCE)
    before.kafka.committed.clear()
    async with Harness(copies=ids(), kafka=before.kafka) as harness:
        harness.source.assign(harness.first)
        await until("the journal is read", lambda: harness.runner.snapshot().remembered == 1)
        harness.time.advance(60.0)
        harness.kafka.append(harness.first, b"\xff", timestamp=later and harness.time.now())
        await harness.committed(1)
    assert [step for step, _ in told(harness)] == ["dead", "dead"]
    assert len(harness.kafka.records(DLQ)) == 2


async def test_without_an_event_id_while_its_log_is_made_anew() -> None:
    """A record that lies where one lay that ends only after its log was deleted has an ending of its own."""
    async with Harness(copies=ids()) as harness:
        held = harness.publisher.hold(DLQ)
        harness.source.assign(harness.first)
        harness.kafka.append(harness.first, b"\xff", timestamp=harness.time.now())
        await some_turns(50)
        harness.kafka.make_anew(SOURCE)
        harness.source.made_anew(SOURCE)
        harness.kafka.append(harness.first, b"\xff", timestamp=harness.time.now())
        await some_turns(50)
        held.set()
        await harness.committed(1)
    assert [step for step, _ in told(harness)] == ["dead", "dead"]


async def test_a_copy_read_again_whose_first_is_not_delivered() -> None:
    """A copy has its ending, though its first has none by now: read again it adds none."""
    async with Harness(copies=ids()) as harness:
        step = JournalStep(at="2026-11-28T00:00:00.000Z", step=StepKind.DUPLICATE, origin=f"{SOURCE}/0/1")
        harness.kafka.append(Partition(JOURNAL, 0), step.to_json(), b"e-1")
        harness.write(1, 1)
        harness.source.assign(harness.first)
        await harness.committed(2)
    assert told(harness) == [("duplicate", "conversions/0/1"), ("delivered", "conversions/0/0")]
    assert harness.clicks == ["c-1"]


async def test_a_copy_in_a_log_that_was_made_anew() -> None:
    """What ended at its offset in a deleted log is no ending of a copy: it has one of its own."""
    async with Harness(copies=ids(), worker="another") as before:
        before.source.assign(before.first)
        before.write(1, 1, 2)
        await before.committed(3)
    before.kafka.make_anew(SOURCE)
    before.kafka.committed.clear()
    async with Harness(copies=ids(), kafka=before.kafka) as harness:
        harness.source.assign(harness.first)
        harness.write(3, 2)
        await harness.committed(2)
    assert harness.clicks == ["c-3"]
    assert sorted(told(harness)[3:]) == [("delivered", "conversions/0/0"), ("duplicate", "conversions/0/1")]


async def test_a_replay_in_a_log_that_was_made_anew() -> None:
    """A replay that lies where its dead one lay, in a deleted log, is sent, and waits in its tier."""
    async with Harness(Response(410), copies=ids(), worker="another") as before:
        before.source.assign(before.first)
        before.write(1)
        await before.committed(1)
    before.kafka.make_anew(SOURCE)
    before.kafka.committed.clear()
    async with Harness(Response(500), copies=ids(), kafka=before.kafka) as harness:
        harness.source.assign(harness.first, harness.tier)
        harness.kafka.append(harness.first, conversion(1), b"key", WorkerHeaders(replays=1).write())
        await harness.committed(1)
        harness.time.advance(SHORT.seconds)
        await harness.committed(1, harness.tier)
    assert harness.clicks == ["c-1", "c-1"]
    assert [step for step, _ in told(harness)] == ["dead", "retry", "delivered"]


async def test_given_back() -> None:
    """What was given back untried is sent later: it is no copy of itself."""
    answers = [Response(500)] * 12
    async with Harness(*answers, copies=ids(), concurrency=4) as harness:
        harness.source.assign(harness.first, harness.second)
        harness.write(*range(30))
        await until("all ended", lambda: len(harness.heard.endings) == 30)
        await harness.committed(30)
    assert not harness.heard.duplicates
    assert not harness.heard.skips


async def test_remembered() -> None:
    """It is reported how many ids are remembered, and how many were forgotten early."""
    async with Harness(copies=ids(most=64)) as harness:
        harness.source.assign(harness.first)
        harness.write(*range(100))
        await harness.committed(100)
        now = harness.runner.snapshot()
        assert (now.remembered, now.forgotten) == (64, 36)
        harness.time.advance(90_000)
        assert harness.runner.snapshot().remembered == 0
        harness.write(99, clicked_at="2023-11-14T00:00:00Z")
        await harness.committed(101)
    assert harness.clicks.count("c-99") == 2


@pytest.mark.parametrize("refused", [False, True])
async def test_marked_after_the_ending(refused: bool) -> None:
    """A retry that its tier has not acknowledged is no ending: nothing is remembered of it."""
    async with Harness(Response(500), copies=ids()) as harness:
        if refused:
            harness.publisher.refused.add(TIER)
        held = harness.publisher.hold(TIER)
        harness.source.assign(harness.first)
        harness.write(1)
        await harness.sent(1)
        harness.write(1)
        await some_turns(50)
        assert harness.runner.snapshot().remembered == 0
        harness.publisher.refused.clear()
        held.set()
        await harness.committed(2)
    assert harness.heard.duplicates == [1]
    assert harness.clicks == ["c-1"]
