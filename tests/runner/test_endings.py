"""An offset is done when its record's one ending is, and not before."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import DeadReason, RetryReason, WorkerHeaders
from tests.fakes import FakeKafka
from tests.runner.stage import (
    DLQ,
    REFUSED_CONNECTION,
    SOURCE,
    Stage,
    conversion,
    until,
)
from worker.core.answer import Answer, Request, Response
from worker.core.record import Outgoing
from worker.core.settle import Dead, Delivered, Retry
from worker.runner import Outcome

RETRIED = Response(500)
REJECTED = Response(410)


async def test_a_delivery() -> None:
    """A 200 is committed, and nothing is published for it."""
    async with Stage() as stage:
        stage.source.assign(stage.first)
        stage.write(1, 2)
        await stage.committed(2)
        assert stage.clicks == ["c-1", "c-2"]
        assert stage.publisher.published == []
        assert stage.heard.attempts == {("delivered", "200"): 2}
        assert stage.heard.requests == stage.heard.taken[SOURCE] == 2


@pytest.mark.parametrize("answer", [RETRIED, REJECTED, REFUSED_CONNECTION])
async def test_not_before_the_acknowledgement(answer: Answer) -> None:
    """A record that is published anew stays uncommitted until the broker has acknowledged that."""
    async with Stage(answer) as stage:
        stage.publisher.gate.clear()
        stage.source.assign(stage.first)
        stage.write(1, 2)
        await stage.ended(1)  # the second one is delivered meanwhile
        await until("a commit", lambda: bool(stage.source.commits))
        assert stage.position() == 0
        assert stage.runner.snapshot().partitions[0].outstanding == 1
        stage.publisher.gate.set()
        await stage.committed(2)
        assert [type(ending) for ending in stage.heard.endings] in ([Delivered, Retry], [Delivered, Dead])


async def test_a_record_that_is_no_event() -> None:
    """What can't be read is dead-lettered as it came, without a request."""
    async with Stage() as stage:
        stage.source.assign(stage.first)
        stage.kafka.append(stage.first, b"<html>", b"key", [("trace", b"1")])
        await stage.committed(1)
        dead = stage.kafka.records(DLQ)[0]
        assert (dead.key, dead.value, dead.headers[0]) == (b"key", b"<html>", ("trace", b"1"))
        assert WorkerHeaders.read(dead.headers).reason is DeadReason.UNDECODABLE
        assert stage.sender.requests == []


async def test_an_event_without_what_its_url_needs() -> None:
    """An event for which the URL has no value is dead-lettered as invalid."""
    async with Stage() as stage:
        stage.source.assign(stage.first)
        stage.write(1, event="purchase")
        await stage.committed(1)
        headers = WorkerHeaders.read(stage.kafka.records(DLQ)[0].headers)
        assert headers.reason is DeadReason.INVALID
        assert headers.error == "the URL needs {payout}, which this event does not have"


async def test_a_closed_window() -> None:
    """An event past its window is dead-lettered without a request, also one that waited in a tier."""
    async with Stage() as stage:
        stage.time.advance(31 * 86400)
        stage.source.assign(stage.first, stage.tier)
        stage.write(1)
        stage.write_retry(2, due=0.0)
        await stage.ended(2)
        reasons = [WorkerHeaders.read(dead.headers).reason for dead in stage.kafka.records(DLQ)]
        assert reasons == [DeadReason.EXPIRED] * 2
        assert stage.sender.requests == []


async def test_the_way_to_exhaustion() -> None:
    """Each failed attempt moves a record to the next tier, and the last one to the dead letters."""
    async with Stage() as stage:
        stage.sender.answer = lambda request: RETRIED if request.target.endswith("=c-1") else Response(200)
        long = stage.kafka.partitions(["worker.retry.1m"])[0]
        stage.source.assign(stage.first, stage.tier, long)
        stage.write(1)
        for number, (tier, wait) in enumerate([(stage.tier, 10), (long, 60)]):
            await stage.ended(1 + 2 * number)
            await until("held back", lambda: tier in stage.source.held)  # noqa: B023 - called at once
            stage.time.advance(wait)
            stage.write(100 + number)  # a record that comes wakes the lanes: their timer's time is real
        await stage.ended(5)
        headers = WorkerHeaders.read(stage.kafka.records(DLQ)[0].headers)
        assert (headers.reason, headers.attempts, headers.status) == (DeadReason.EXHAUSTED, 3, 500)
        assert headers.origin == f"{SOURCE}/0/0"
        assert stage.heard.attempts["retry", "500"] == 2
        assert stage.heard.attempts["dead", "500"] == 1


async def test_a_refused_publish() -> None:
    """A refused publish is tried again until it is taken; meanwhile the worker is not ready and says why."""
    async with Stage(RETRIED) as stage:
        stage.publisher.refusing = "Broker: Not enough in-sync replicas"
        stage.source.assign(stage.first)
        stage.write(1, 2)
        await until("two refusals", lambda: len(stage.heard.refusals) == 2)
        assert stage.reasons == [
            "publishing to worker.retry.10s is refused: Broker: Not enough in-sync replicas"
        ]
        assert stage.position() == 0
        stage.publisher.refusing = None
        await stage.committed(2)
        assert stage.reasons == []
        assert len(stage.kafka.records("worker.retry.10s")) == 1


async def test_a_missing_topic() -> None:
    """A dead letter waits for its topic to be made, and is not dropped."""
    async with Stage(kafka=FakeKafka(**{SOURCE: 2, "worker.retry.10s": 1})) as stage:
        stage.source.assign(stage.first)
        stage.kafka.append(stage.first, b"junk")
        await until("refused", lambda: bool(stage.heard.refusals))
        assert stage.reasons == [f"publishing to {DLQ} is refused: topic {DLQ} does not exist"]
        stage.kafka.create(DLQ)
        await stage.committed(1)
        assert len(stage.kafka.records(DLQ)) == 1


async def test_a_refused_commit() -> None:
    """A commit that failed is said, and the next one says the same or more."""
    async with Stage() as stage:
        stage.source.refusing = "coordinator moved"
        stage.source.assign(stage.first)
        stage.write(1)
        await until("a failed commit", lambda: "coordinator moved" in stage.heard.commits)
        assert stage.position() is None
        stage.source.refusing = None
        await stage.committed(1)
        assert stage.heard.commits[-1] is None


async def test_many_endings_do_not_wait_for_the_tick() -> None:
    """Five hundred finished records are committed at once rather than with the next tick."""
    async with Stage() as stage:
        stage.source.assign(stage.first)
        stage.write(*range(1200))
        await stage.committed(1200)
        assert stage.heard.taken[SOURCE] == 1200


KINDS: dict[str, tuple[Answer | None, type[Delivered | Retry | Dead]]] = {
    "taken": (Response(200), Delivered),
    "failed": (RETRIED, Retry),
    "reset": (REFUSED_CONNECTION, Retry),
    "rejected": (REJECTED, Dead),
    "junk": (None, Dead),
}


@settings(max_examples=30)
@given(st.lists(st.sampled_from(sorted(KINDS)), max_size=40))
async def test_each_record_has_one_ending(kinds: list[str]) -> None:
    """Whatever comes back, each record ends once, where it should, and the last commit is the end."""
    async with Stage() as stage:

        def answer(request: Request) -> Answer:
            found = KINDS[kinds[int(request.target.partition("c-")[2])]][0]
            assert found is not None
            return found

        stage.sender.answer = answer
        for number, kind in enumerate(kinds):
            stage.kafka.append(stage.first, b"junk" if kind == "junk" else conversion(number), b"key")
        stage.source.assign(stage.first)
        await stage.ended(len(kinds))
        assert await stage.end() is Outcome.DRAINED
        assert Counter(map(type, stage.heard.endings)) == Counter(KINDS[kind][1] for kind in kinds)
        assert len({ending.record.offset for ending in stage.heard.endings}) == len(kinds)
        assert (stage.position() or 0) == len(kinds)
        assert len(stage.publisher.published) == sum(kind != "taken" for kind in kinds)


async def test_the_reason_of_a_retry() -> None:
    """A tier's record tells how often, why, when due, and where it came from; the producer's part stays."""
    async with Stage(Response(503, retry_after="30")) as stage:
        stage.source.assign(stage.first)
        stage.write(1)
        await stage.ended(1)
        retry = stage.kafka.records("worker.retry.1m")[0]  # the smallest tier that is long enough
        now = stage.time.now()
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
    async with Stage(RETRIED, drain=0.05) as stage:

        async def broken(message: Outgoing) -> None:
            raise ArithmeticError("a bug")

        stage.publisher.publish = broken  # type: ignore[method-assign]
        stage.source.assign(stage.first)
        stage.write(1)
        with pytest.raises(ArithmeticError, match="a bug"):
            await stage.running
        assert stage.position() in {None, 0}
