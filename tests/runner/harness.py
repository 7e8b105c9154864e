"""A runner between the fakes: what a test does to it, and what can be seen of it.

The rule: time stands still unless a test moves it; what is waited for is a condition, within bounds.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from schemas import JournalStep, WorkerHeaders, read_step
from tests.core.templates.compiled import template
from tests.fake_follower import FakeFollower
from tests.fake_kafka import FakeKafka, FakePublisher
from tests.fake_source import FakeSource
from tests.fakes import FakeClock, FakeControl, FakeSender, FakeTracer
from tests.runner.heard import Heard
from worker.core.admission.circuit import CircuitPolicy
from worker.core.admission.gate import Gate
from worker.core.answer import Answer, Failure, FailureKind
from worker.core.binding import Identity
from worker.core.classify import AnswerRules
from worker.core.held_bytes import NO_BOUND, HeldBytes
from worker.core.journal import DestinationJournal
from worker.core.record import Partition
from worker.core.remembered_ids import RememberedIds
from worker.core.retry import RetryPolicy, Tier
from worker.core.routing import Router
from worker.core.templates import Postback
from worker.core.tracing import SpanOwner
from worker.pipeline import CompiledSettings
from worker.ports import Cache, Clock
from worker.runner import (
    Clients,
    ConsumerGroup,
    DestinationParts,
    DestinationTracer,
    Limits,
    Outcome,
    Runner,
    Surroundings,
)
from worker.runner.claim_checks import Stranger

WITHIN = 60.0
SOURCE, DLQ, JOURNAL = "conversions", "worker.dlq", "worker.journal"
IDENTITY = Identity(SOURCE, "partner")
TRACED = SpanOwner("partner", "worker", "worker.retry", 1.0)
SHORT, LONG = Tier("10s", 10.0), Tier("1m", 60.0)
TIER_TOPICS = {SHORT: "worker.retry.10s", LONG: "worker.retry.1m"}
REFUSED_CONNECTION = Failure(FailureKind.CONNECTION, "connection refused")
NEVER_OPENS = CircuitPolicy(min_failures=1_000_000)

_URL = "http://partner.example/postback?"
POSTBACK = Postback(
    template(f"{_URL}click_id={{click_id}}"),
    template(f"{_URL}measurement=1&click_id={{click_id}}&event={{event}}&payout={{payout}}"),
)


def conversion(number: int, **fields: Any) -> bytes:
    """The value of an event of the click `c-{number}`, at the time at which a FakeClock starts."""
    at = datetime.fromtimestamp(FakeClock().now(), UTC).isoformat()
    event = {"event_id": f"e-{number}", "click_id": f"c-{number}", "occurred_at": at}
    return json.dumps({**event, **fields}).encode()


async def until(what: str, true: Callable[[], bool]) -> None:
    """Return when `true()` is; raise AssertionError naming `what` where it does not come."""
    try:
        async with asyncio.timeout(WITHIN):
            while not true():  # noqa: ASYNC110 - some of it is told by no event
                await asyncio.sleep(0.002)
    except TimeoutError:
        raise AssertionError(f"not within {WITHIN:g} s: {what}") from None


class Harness:
    """A runner at work on a FakeKafka with a source, two tiers and dead letters; nothing is assigned yet."""

    def __init__(
        self,
        *answers: Answer,
        kafka: FakeKafka | None = None,
        outstanding: int = 1000,
        drain: float = WITHIN,
        concurrency: int = 16,
        policy: CircuitPolicy = NEVER_OPENS,
        clock: Clock | None = None,
        tier_topics: Mapping[Tier, str] = TIER_TOPICS,
        max_attempts: int = 3,
        held_bytes: int = NO_BOUND,
        adopt: bool = False,
        stranger: Stranger | None = None,
        control: str | None = None,
        router: Router | None = None,
        journal: bool = False,
        traced: float | None = None,
        chance: float = 0.0,
        orders: FakeControl | None = None,
        rate: float | None = None,
        partition_counts: Callable[[], Mapping[str, int]] | None = None,
        members: tuple[str, ...] = (),
        copies: RememberedIds | None = None,
        cache: Cache | None = None,
        worker: str = "a-worker",
    ) -> None:
        journal = journal or copies is not None
        topics = {SOURCE: 2, DLQ: 1, **dict.fromkeys(tier_topics.values(), 1)}
        self.kafka = kafka or FakeKafka(**topics, **({JOURNAL: 2} if journal else {}))
        self.time = FakeClock()
        self.held_bytes = HeldBytes.shared(held_bytes, outstanding)
        routing = router or Router("partner")
        self.source = FakeSource(self.kafka, held_bytes=self.held_bytes, router=routing)
        self.publisher = FakePublisher(self.kafka)
        self.sender = FakeSender(*answers)
        self.follower = FakeFollower(self.kafka, JOURNAL, worker, (clock or self.time).now)
        self.gate = Gate(concurrency, policy)
        self.heard = Heard()
        self.tracer = FakeTracer()
        self.stop = asyncio.Event()
        self.first, self.second = Partition(SOURCE, 0), Partition(SOURCE, 1)
        self.tier = Partition(next(iter(tier_topics.values())), 0)
        retry = RetryPolicy(tuple(tier_topics), max_attempts, 30 * 86400.0)
        unrouted = routing.is_unrouted if routing.dead_letters_unrouted else None
        self.compiled = CompiledSettings(
            POSTBACK, AnswerRules(terminal=frozenset({410})), retry, dict(tier_topics), DLQ, unrouted=unrouted
        )
        self.runner = Runner(
            DestinationParts(
                self.compiled,
                self.gate,
                ConsumerGroup(
                    IDENTITY,
                    control,
                    adopt=adopt,
                    stranger=stranger,
                    journal=DestinationJournal(JOURNAL, worker) if journal else None,
                    partition_counts=partition_counts,
                    members=members,
                    remembers=copies,
                ),
                Limits(outstanding, drain, self.held_bytes, rate),
                None if traced is None else DestinationTracer(self.tracer, TRACED._replace(share=traced)),
            ),
            Clients(
                *(self.source, self.publisher, self.sender, orders),
                *(self.follower if copies else None, cache),
            ),
            Surroundings(self.heard, clock or self.time, lambda: chance),
        )

    async def __aenter__(self) -> Self:
        self.running = asyncio.create_task(self.runner.run(self.stop))
        await until("started", lambda: self.source._listener is not None)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.sender.gate.set()
        self.publisher.gate.set()
        for held in self.publisher.held.values():
            held.set()
        if not self.running.done():
            await self.end()

    async def end(self) -> Outcome:
        """Stop the runner and wait for its end."""
        self.stop.set()
        return await self.running

    def write(self, *numbers: int, at: Partition | None = None, **fields: Any) -> None:
        """Write events, by default to the first partition."""
        for number in numbers:
            self.kafka.append(at or self.first, conversion(number, **fields), b"key")

    def write_retry(self, number: int, due: float, attempts: int = 1, of: int = 0) -> None:
        """Write an event to the first tier, due at `due`; its origin is in partition `of`."""
        headers = WorkerHeaders(attempts=attempts, due_at=due, origin=f"{SOURCE}/{of}/{number}").write()
        self.kafka.append(self.tier, conversion(number), b"key", headers)

    def position(self, at: Partition | None = None) -> int | None:
        """The committed offset, by default of the first partition."""
        committed = self.kafka.committed.get(at or self.first)
        return None if committed is None else committed.offset

    async def sent(self, count: int) -> None:
        """Wait until so many requests have been made in all."""
        await until(f"{count} requests", lambda: len(self.sender.requests) >= count)

    async def ended(self, count: int) -> None:
        """Wait until so many records have had their ending."""
        await until(f"{count} endings", lambda: len(self.heard.endings) >= count)

    async def committed(self, offset: int, at: Partition | None = None) -> None:
        """Wait until an offset is committed."""
        await until(f"{offset} committed", lambda: self.position(at) == offset)

    @property
    def clicks(self) -> list[str]:
        """The click ids that were sent, in order."""
        return [target.partition("click_id=")[2] for target in self.sender.targets]

    @property
    def steps(self) -> list[JournalStep]:
        """What lies in the journal."""
        return [step for record in self.kafka.records(JOURNAL) if (step := read_step(record.value))]

    async def journaled(self, count: int) -> None:
        """Wait until so many steps lie in the journal."""
        await until(f"{count} steps", lambda: len(self.steps) >= count)

    @property
    def reasons(self) -> list[str]:
        """Why it is not ready."""
        return list(self.runner.reasons_not_ready())


async def some_turns(count: int = 20) -> None:
    """Let all that can happen without time passing happen."""
    for _ in range(count):
        await asyncio.sleep(0)
