"""An offset is resolved when its record has had its one ending, and not before."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import DeadReason, RetryReason, WorkerHeaders
from tests.fake_kafka import FakeKafka
from tests.runner.harness import (
    DLQ,
    REFUSED_CONNECTION,
    SOURCE,
    Harness,
    conversion,
    until,
)
from worker.core.answer import Answer, Request, Response
from worker.core.endings import Dead, Delivered, RetryLater
from worker.core.record import Outgoing
from worker.runner import Outcome

RETRIED = Response(500)
REJECTED = Response(410)


async def test_a_delivery() -> None:
    """A 200 is committed, and nothing is published for it."""
    async with Harness() as harness:
        harness.source.assign(harness.first)
        harness.write(1, 2)
        await harness.committed(2)
        assert harness.clicks == ["c-1", "c-2"]
        assert harness.publisher.published == []
        assert harness.heard.attempts == {("delivered", "200"): 2}
        assert harness.heard.requests == harness.heard.taken[SOURCE] == 2


@pytest.mark.parametrize("answer", [RETRIED, REJECTED, REFUSED_CONNECTION])
async def test_not_before_the_acknowledgement(answer: Answer) -> None:
    """A record that is published anew stays uncommitted until the broker has acknowledged that."""
    async with Harness(answer) as harness:
        harness.publisher.gate.clear()
        harness.source.assign(harness.first)
        harness.write(1, 2)
        await harness.ended(1)  # the second one is delivered meanwhile
        await until("a commit", lambda: bool(harness.source.commits))
        assert harness.position() == 0
        assert harness.runner.snapshot().partitions[0].outstanding == 1
        harness.publisher.gate.set()
        await harness.committed(2)
        assert [type(ending) for ending in harness.heard.endings] in (
            [Delivered, RetryLater],
            [Delivered, Dead],
        )


async def test_a_record_that_is_no_event() -> None:
    """What can't be read is dead-lettered as it came, without a request."""
    async with Harness() as harness:
        harness.source.assign(harness.first)
        harness.kafka.append(harness.first, b"<html>", b"key", [("trace", b"1")])
        await harness.committed(1)
        dead = harness.kafka.records(DLQ)[0]
        assert (dead.key, dead.value, dead.headers[0]) == (b"key", b"<html>", ("trace", b"1"))
        assert WorkerHeaders.read(dead.headers).reason is DeadReason.UNDECODABLE
        assert harness.sender.requests == []


async def test_an_event_without_what_its_url_needs() -> None:
    """An event for which the URL has no value is dead-lettered as invalid."""
    async with Harness() as harness:
        harness.source.assign(harness.first)
        harness.write(1, event="purchase")
        await harness.committed(1)
        headers = WorkerHeaders.read(harness.kafka.records(DLQ)[0].headers)
        assert headers.reason is DeadReason.INVALID
        assert headers.error == "the URL needs {payout}, which this event does not have"


async def test_a_closed_window() -> None:
    """An event past its window is dead-lettered without a request, also one that waited in a tier."""
    async with Harness() as harness:
        harness.time.advance(31 * 86400)
        harness.source.assign(harness.first, harness.tier)
        harness.write(1)
        harness.write_retry(2, due=0.0)
        await harness.ended(2)
        reasons = [WorkerHeaders.read(dead.headers).reason for dead in harness.kafka.records(DLQ)]
        assert reasons == [DeadReason.EXPIRED] * 2
        assert harness.sender.requests == []


async def test_the_way_to_exhaustion() -> None:
    """Each failed attempt moves a record to the next tier, and the last one to the dead letters."""
    async with Harness() as harness:
        harness.sender.answer = lambda request: RETRIED if request.target.endswith("=c-1") else Response(200)
        long = harness.kafka.partitions(["worker.retry.1m"])[0]
        harness.source.assign(harness.first, harness.tier, long)
        harness.write(1)
        for number, (tier, wait) in enumerate([(harness.tier, 10), (long, 60)]):
            await harness.ended(1 + 2 * number)
            await until("held back", lambda: tier in harness.source.paused)  # noqa: B023 - called at once
            harness.time.advance(wait)
            harness.write(100 + number)  # a record that comes wakes the lanes: their timer's time is real
        await harness.ended(5)
        headers = WorkerHeaders.read(harness.kafka.records(DLQ)[0].headers)
        assert (headers.reason, headers.attempts, headers.status) == (DeadReason.EXHAUSTED, 3, 500)
        assert headers.origin == f"{SOURCE}/0/0"
        assert harness.heard.attempts["retry", "500"] == 2
        assert harness.heard.attempts["dead", "500"] == 1


async def test_a_refused_publish() -> None:
    """A refused publish is tried again until it is taken; meanwhile the worker is not ready and says why."""
    async with Harness(RETRIED) as harness:
        harness.publisher.refusing = "Broker: Not enough in-sync replicas"
        harness.source.assign(harness.first)
        harness.write(1, 2)
        await until("two refusals", lambda: len(harness.heard.refusals) == 2)
        assert harness.reasons == [
            "publishing to worker.retry.10s is refused: Broker: Not enough in-sync replicas"
        ]
        assert harness.position() == 0
        harness.publisher.refusing = None
        await harness.committed(2)
        assert harness.reasons == []
        assert len(harness.kafka.records("worker.retry.10s")) == 1


async def test_a_missing_topic() -> None:
    """A dead letter waits for its topic to be made, and is not dropped."""
    async with Harness(kafka=FakeKafka(**{SOURCE: 2, "worker.retry.10s": 1})) as harness:
        harness.source.assign(harness.first)
        harness.kafka.append(harness.first, b"junk")
        await until("refused", lambda: bool(harness.heard.refusals))
        assert harness.reasons == [f"publishing to {DLQ} is refused: topic {DLQ} does not exist"]
        harness.kafka.create(DLQ)
        await harness.committed(1)
        assert len(harness.kafka.records(DLQ)) == 1


async def test_a_refused_commit() -> None:
    """A commit that failed is said, and the next one says the same or more."""
    async with Harness() as harness:
        harness.source.refusing = "coordinator moved"
        harness.source.assign(harness.first)
        harness.write(1)
        await until("a failed commit", lambda: "coordinator moved" in harness.heard.commits)
        assert harness.position() is None
        harness.source.refusing = None
        await harness.committed(1)
        await until("it is told", lambda: harness.heard.commits[-1] is None)


async def test_many_endings_do_not_wait_for_the_tick() -> None:
    """Five hundred finished records are committed at once rather than with the next tick."""
    async with Harness() as harness:
        harness.source.assign(harness.first)
        harness.write(*range(1200))
        await harness.committed(1200)
        assert harness.heard.taken[SOURCE] == 1200


KINDS: dict[str, tuple[Answer | None, type[Delivered | RetryLater | Dead]]] = {
    "taken": (Response(200), Delivered),
    "failed": (RETRIED, RetryLater),
    "reset": (REFUSED_CONNECTION, RetryLater),
    "rejected": (REJECTED, Dead),
    "junk": (None, Dead),
}


@settings(max_examples=30)
@given(st.lists(st.sampled_from(sorted(KINDS)), max_size=40))
async def test_each_record_has_one_ending(kinds: list[str]) -> None:
    """Whatever comes back, each record ends once, where it should, and the last commit is the end."""
    async with Harness() as harness:

        def answer(request: Request) -> Answer:
            found = KINDS[kinds[int(request.target.partition("c-")[2])]][0]
            assert found is not None
            return found

        harness.sender.answer = answer
        for number, kind in enumerate(kinds):
            harness.kafka.append(harness.first, b"junk" if kind == "junk" else conversion(number), b"key")
        harness.source.assign(harness.first)
        await harness.ended(len(kinds))
        assert await harness.end() is Outcome.DRAINED
        assert Counter(map(type, harness.heard.endings)) == Counter(KINDS[kind][1] for kind in kinds)
        assert len({ending.record.offset for ending in harness.heard.endings}) == len(kinds)
        assert (harness.position() or 0) == len(kinds)
        assert len(harness.publisher.published) == sum(kind != "taken" for kind in kinds)


async def test_the_reason_of_a_retry() -> None:
    """A tier's record tells how often, why, when due, and where it came from; the producer's part stays."""
    async with Harness(Response(503, retry_after="30")) as harness:
        harness.source.assign(harness.first)
        harness.write(1)
        await harness.ended(1)
        retry = harness.kafka.records("worker.retry.1m")[0]  # the smallest tier that is long enough
        now = harness.time.now()
        assert (retry.key, retry.value) == (b"key", conversion(1))
        assert WorkerHeaders.read(retry.headers) == WorkerHeaders(
            attempts=1,
            due_at=now + 60,
            first_attempt_at=now,
            origin=f"{SOURCE}/0/0",
            reason=RetryReason.STATUS,
            status=503,
            error="HTTP 503",
        )


async def test_a_publish_that_breaks_ends_the_run() -> None:
    """A publisher that breaks, rather than refuse, ends the run with what it raised."""
    async with Harness(RETRIED, drain=0.05) as harness:

        async def broken(message: Outgoing) -> None:
            raise ArithmeticError("a bug")

        harness.publisher.publish = broken  # type: ignore[method-assign]
        harness.source.assign(harness.first)
        harness.write(1)
        with pytest.raises(ArithmeticError, match="a bug"):
            await harness.running
        assert harness.position() in {None, 0}
