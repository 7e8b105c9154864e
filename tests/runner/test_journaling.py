"""What became of each record is on the journal before its offset is committed."""

from __future__ import annotations

import asyncio
import time
from threading import Timer

import pytest

from schemas.journal import JournalStep, StepKind
from tests.core.examples import make_partition, pending_record
from tests.runner.copies import ids
from tests.runner.harness import (
    DLQ,
    JOURNAL,
    REFUSED_CONNECTION,
    SHORT,
    TIER_TOPICS,
    Harness,
    some_turns,
    until,
)
from tests.runner.rounds import goes_round
from worker.core.answer import Response
from worker.core.endings import Duplicate
from worker.core.fence import Bar
from worker.core.journal import DestinationJournal
from worker.core.journal_rest import WARMING, JournalRest
from worker.core.masking import MASK
from worker.runner import Outcome
from worker.runner.journaling import LATE_SECONDS, PendingStep, _StuckSteps

TIER = TIER_TOPICS[SHORT]


def summary(step: JournalStep) -> tuple[str, str | None, str, int | None]:
    """What a step says, in short."""
    return step.step.value, step.event_id, step.origin, step.attempt


async def test_each_ending() -> None:
    """A delivery, a retry and a dead letter each have their step, in the partition of their origin."""
    async with Harness(Response(200), Response(500), Response(410), journal=True) as harness:
        harness.source.assign(harness.first, harness.second)
        harness.write(1, 2, 3, at=harness.second)
        await harness.committed(3, harness.second)
    assert [summary(step) for step in harness.steps] == [
        ("delivered", "e-1", "conversions/1/0", 1),
        ("retry", "e-2", "conversions/1/1", 1),
        ("dead", "e-3", "conversions/1/2", 1),
    ]
    assert {record.at.number for record in harness.kafka.records(JOURNAL)} == {1}
    assert [record.key for record in harness.kafka.records(JOURNAL)] == [b"e-1", b"e-2", b"e-3"]


async def test_what_is_never_sent() -> None:
    """What no request is made for has its step too, under its origin where it has no event id."""
    async with Harness(journal=True) as harness:
        harness.source.assign(harness.first)
        harness.kafka.append(harness.first, b"no JSON", b"key")
        await harness.committed(1)
    (step,), (record,) = harness.steps, harness.kafka.records(JOURNAL)
    assert (step.step, step.reason, step.attempt, step.url) == (StepKind.DEAD, "undecodable", None, None)
    assert record.key == b"conversions/0/0"


async def test_a_tier_tells_of_its_origin() -> None:
    """The step of a record of a tier stands under the origin that the record came from."""
    async with Harness(journal=True) as harness:
        harness.source.assign(harness.tier)
        harness.write_retry(7, due=harness.time.now())
        await harness.committed(1, harness.tier)
    assert [summary(step) for step in harness.steps] == [("delivered", "e-7", "conversions/0/7", 2)]


async def test_before_the_commit() -> None:
    """Nothing is committed before its step is acknowledged, however long that takes; then it is."""
    async with Harness(journal=True) as harness:
        held = harness.publisher.hold(JOURNAL)
        harness.source.assign(harness.first)
        harness.write(1, 2)
        await harness.ended(2)
        await harness.journaled(2)
        await goes_round(harness.runner._delivery.committer, "commit")
        assert not harness.position()
        held.set()
        await harness.committed(2)


async def test_after_the_publish() -> None:
    """A retry is journaled once its tier has it, a dead letter once it is among the dead letters."""
    async with Harness(REFUSED_CONNECTION, Response(410), Response(200), journal=True) as harness:
        holds = [harness.publisher.hold(topic) for topic in (TIER, DLQ)]
        harness.source.assign(harness.first)
        harness.write(1, 2)
        await until(
            "both published", lambda: bool(harness.kafka.records(TIER) and harness.kafka.records(DLQ))
        )
        harness.write(3)
        await harness.journaled(1)
        assert [summary(step)[:2] for step in harness.steps] == [("delivered", "e-3")]
        for hold in holds:
            hold.set()
        await harness.committed(3)
        assert {step.step for step in harness.steps[1:]} == {StepKind.RETRY, StepKind.DEAD}


async def test_refused() -> None:
    """While the journal refuses, the worker says so, sends and commits nothing; then each has one step."""
    async with Harness(journal=True) as harness:
        harness.publisher.refused.add(JOURNAL)
        harness.source.assign(harness.first)
        harness.write(1)
        await until("it is said", lambda: bool(harness.reasons))
        assert harness.reasons == [f"publishing to {JOURNAL} is refused: {JOURNAL} is refused"]
        assert harness.heard.refusals[0] == (JOURNAL, f"{JOURNAL} is refused")
        harness.write(2)
        await some_turns(50)
        assert harness.clicks == ["c-1"]
        assert not harness.position()
        harness.publisher.refused.clear()
        await harness.committed(2)
        assert harness.reasons == []
    assert [step.event_id for step in harness.steps] == ["e-1", "e-2"]


async def test_late() -> None:
    """Where the journal takes steps and does not acknowledge them, no more is sent until it does."""
    async with Harness(journal=True) as harness:
        held = harness.publisher.hold(JOURNAL)
        harness.source.assign(harness.first)
        harness.write(1)
        await until("it is said", lambda: bool(harness.heard.troubles))
        assert harness.heard.troubles == [
            f"steps are not acknowledged by {JOURNAL}: no more is sent until they are"
        ]
        harness.write(2)
        await some_turns(50)
        assert harness.clicks == ["c-1"]
        held.set()
        await harness.committed(2)


async def test_one_partition_without_a_leader() -> None:
    """Where a partition's journal can't be read either, its late steps stop it alone; the others go on."""
    async with Harness(copies=ids()) as harness:
        held = harness.publisher.hold(JOURNAL)
        harness.source.assign(harness.first, harness.second)
        harness.write(1)
        await until("it is late", lambda: bool(harness.heard.troubles))
        del harness.publisher.held[JOURNAL]
        harness.write(2, at=harness.second)
        await some_turns(50)
        assert harness.clicks == ["c-1"]
        harness.follower.fail("no leader", 0)
        await harness.committed(1, harness.second)
        harness.write(3)
        harness.write(4, at=harness.second)
        await harness.committed(2, harness.second)
        assert harness.clicks == ["c-1", "c-2", "c-4"]
        assert not harness.position()
        harness.follower.gate.set()
        held.set()
        await harness.committed(2)
    assert [step.event_id for step in harness.steps] == ["e-1", "e-3", "e-2", "e-4"]


async def test_late_once_it_can_be_read_again() -> None:
    """Late steps stop all again once their journal can be read and still does not take them."""
    async with Harness(copies=ids()) as harness:
        held = harness.publisher.hold(JOURNAL)
        harness.source.assign(harness.first, harness.second)
        harness.write(1)
        await until("it is late", lambda: bool(harness.heard.troubles))
        harness.follower.fail("no leader", 0)
        fence = harness.runner._delivery.fence
        await until("the others may go on", lambda: Bar.UNJOURNALED not in fence.bars)
        harness.follower.gate.set()
        await until("none may", lambda: Bar.UNJOURNALED in fence.bars)
        held.set()
        await harness.committed(1)


async def test_many_are_late() -> None:
    """However many batches the journal keeps waiting, that is told once."""
    async with Harness(journal=True) as harness:
        held, journaling = harness.publisher.hold(JOURNAL), harness.runner._delivery.journaling
        assert journaling is not None
        harness.source.assign(harness.first)
        for batches in (1, 2, 3):
            harness.write(batches)
            await until("another batch", lambda count=batches: len(journaling._writing) == count)  # type: ignore[misc]
        await until("all are late", lambda: len(journaling._stuck) == 3)
        assert len(harness.heard.troubles) == 1
        held.set()
        await harness.committed(3)


async def test_a_standstill_is_not_late() -> None:
    """An acknowledgement that came while the process stood still is no reason to call the journal late."""
    async with Harness(journal=True) as harness:
        held = harness.publisher.hold(JOURNAL)
        harness.source.assign(harness.first)
        harness.write(1)
        await until("it is with the client", lambda: bool(harness.runner._delivery.journaling._writing))  # type: ignore[union-attr]
        Timer(0.1, asyncio.get_running_loop().call_soon_threadsafe, [held.set]).start()
        time.sleep(LATE_SECONDS + 0.2)  # noqa: ASYNC251 - the loop stands still
        await harness.committed(1)
        assert harness.heard.troubles == []


async def test_revoked() -> None:
    """A revocation waits for the steps of what has ended, and commits it."""
    async with Harness(journal=True) as harness:
        held = harness.publisher.hold(JOURNAL)
        harness.source.assign(harness.first)
        harness.write(1)
        await harness.journaled(1)
        revoking = asyncio.create_task(harness.source.revoke(harness.first))
        await some_turns(50)
        assert not revoking.done()
        held.set()
        await revoking
        assert harness.position() == 1


async def test_cut() -> None:
    """What could not be journaled by the end of a drain stays uncommitted, and is counted."""
    async with Harness(journal=True, drain=0.2) as harness:
        harness.publisher.refused.add(JOURNAL)
        harness.source.assign(harness.first)
        harness.write(1)
        await until("it is said", lambda: bool(harness.reasons))
        assert await harness.end() is Outcome.CUT
    assert harness.runner.unfinished == 1
    assert not harness.position()


async def test_oldest() -> None:
    """What waits for its step counts as outstanding, with its age."""
    async with Harness(journal=True) as harness:
        held = harness.publisher.hold(JOURNAL)
        harness.source.assign(harness.first)
        harness.kafka.append(harness.first, b"no JSON", b"key", (), harness.time.now() - 30.0)
        await harness.journaled(1)
        (state,) = harness.runner.snapshot().partitions
        assert (state.outstanding, state.oldest_seconds) == (1, 30.0)
        held.set()
        await harness.committed(1)


async def test_a_step_that_breaks() -> None:
    """A step that can't be made ends the run: nothing may be committed past it."""
    async with Harness(journal=True, drain=0.2) as harness:
        broken = harness.runner._delivery.journaling
        assert broken is not None
        broken._journal = None  # type: ignore[assignment]
        harness.source.assign(harness.first)
        harness.write(1)
        await until("the run ends", harness.running.done)
        assert isinstance(harness.running.exception(), TypeError)
        assert not harness.position()


async def test_secrets_that_change() -> None:
    """After a rotation the former secret is masked, too: what is in flight has it."""
    async with Harness(Response(410, None, b"old-token new-token"), journal=True) as harness:
        compiled = harness.compiled
        harness.runner.renew(compiled._replace(secrets=("old-token",)), lambda sender: sender)
        harness.runner.renew(compiled._replace(secrets=("new-token",)), lambda sender: sender)
        harness.source.assign(harness.first)
        harness.write(1)
        await harness.committed(1)
    assert [step.body for step in harness.steps] == [f"{MASK} {MASK}"]


@pytest.mark.parametrize(
    ("rest", "explains"), [(None, False), (WARMING, False), (JournalRest("no leader"), True)]
)
def test_what_explains_late_steps(rest: JournalRest | None, explains: bool) -> None:
    """Late steps are explained by a journal that can't be read, not by one that is not read yet."""
    pending = pending_record(make_partition(), 0)
    pending.partition.warm(rest)
    step = PendingStep(pending, Duplicate(pending.record, "e-1"), None, 0.0, DestinationJournal(JOURNAL, "w"))
    assert _StuckSteps(None, [step]).is_explained is explains
