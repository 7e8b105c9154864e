"""Workers of one group in a storm: a world on virtual time, to which anything may happen.

The workers are real runners; Kafka and the partner are modelled. The rule: what happens here can happen in
the world too. `storm_acts` is what happens, `storm_rules` judges what is left.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from copy import copy
from dataclasses import dataclass, field
from random import Random
from typing import Final

from schemas import JournalStep, StepKind, read_step
from tests.fake_kafka import FakeKafka
from tests.fakes import FakeControl
from tests.runner.harness import (
    DLQ,
    JOURNAL,
    REFUSED_CONNECTION,
    SOURCE,
    TIER_TOPICS,
    Harness,
    some_turns,
)
from tests.sim.virtual import VirtualClock
from worker.core.admission.circuit import CircuitPolicy
from worker.core.answer import Answer, Failure, FailureKind, Request, Response
from worker.core.held_bytes import NO_BOUND
from worker.core.orders import Order, OrderEnd
from worker.core.record import Partition, Record
from worker.core.remembered_ids import RememberedIds

# A third of the events are of the offer that may be cancelled.
OFFERS: Final = 3
DROPPED, CANCELLED, HURRIED = range(OFFERS)
MOODS: Final[dict[str, tuple[Answer, ...]]] = {
    "well": (Response(200),),
    "mixed": (Response(200), Response(500), Response(503), Failure(FailureKind.TIMEOUT, "no answer")),
    "choosy": (Response(200), Response(410)),
    "failing": (Response(500),),
    "down": (REFUSED_CONNECTION,),
}
_DRAIN_SECONDS, _DAY = 2.0, 86_400.0
# Virtual seconds between two acts, and the longest that the world may take to settle once it is mended.
_PAUSES: Final = (0.0, 0.001, 0.05, 0.3, 2.0, 12.0)
_SETTLES_SECONDS = 3_600


@dataclass(eq=False)
class Member:
    """A worker, with what its partner was asked and has answered, by the event's number."""

    it: Harness
    control: FakeControl
    answered: Counter[int] = field(default_factory=Counter)

    @property
    def asked(self) -> Counter[int]:
        """How often each event was sent."""
        return Counter(number_of(request) for request in self.it.sender.requests)

    @property
    def in_flight(self) -> Counter[int]:
        """What is sent and not answered."""
        return self.asked - self.answered

    @property
    def unrest(self) -> list[str]:
        """What it still holds or lacks."""
        seen = self.it.runner.snapshot()
        return [
            *self.it.reasons,
            *(f"{state} is outstanding" for state in seen.partitions if state.outstanding),
            *([f"{seen.in_flight} in flight"] if seen.in_flight else []),
        ]


class Storm:
    """A world, the acts that happen to it, and what is to be known of them afterwards."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.clock = VirtualClock()
        # In every second world the source has grown, and the tiers have not.
        topics = {SOURCE: 2, DLQ: 1, JOURNAL: 2, **dict.fromkeys(TIER_TOPICS.values(), 2 - seed % 2)}
        self.kafka = FakeKafka(**topics)
        self.kafka.now = self.clock.now
        self.partitions = self.kafka.partitions([SOURCE, *TIER_TOPICS.values()])
        self.members: list[Member] = []
        self.former: list[Member] = []
        self.owners: dict[Partition, Member] = {}
        self.homes: dict[int, Partition] = {}
        """Where each event was published, by its number."""
        self.numbers: dict[str, int] = {}
        """The number of the event at each origin."""
        self.recorded: Counter[int] = Counter()
        """How often the partner has recorded each event."""
        self.excused: set[int] = set()
        """Events that were under way at a worker which lost its partitions: they may be sent twice."""
        self.told_twice: set[int] = set()
        """Events whose former worker lives and may still tell of their endings, or left them in a tier."""
        self.left: set[str] = set()
        """Origins of what it left in a tier or the dead letters before the journal told of it."""
        self.hurried: set[tuple[int, int]] = set()
        """Events that were hurried as they waited for an attempt, with its number."""
        self.dropped: set[int] = set()
        """Events that were dropped as they waited."""
        self.orders: dict[str, Order] = {}
        self.mood = "well"
        self.log: list[str] = []
        self.faults: list[str] = []
        self._made = 0
        self._asked_by_former: Counter[int] = Counter()

    @property
    def steps(self) -> list[JournalStep]:
        """What lies in the journal."""
        return [step for record in self.kafka.records(JOURNAL) if (step := read_step(record.value))]

    async def close(self) -> None:
        """End all workers, and those that were killed."""
        for member in self.former:
            member.it.sender.gate.set()
        for member in (*self.members, *self.former):
            await member.it.__aexit__(None, None, None)

    async def settle(self) -> None:
        """Wait until all is done that can be, an hour at most."""
        for _ in range(_SETTLES_SECONDS):
            if self.has_settled:
                return
            await asyncio.sleep(1.0)

    @property
    def has_settled(self) -> bool:
        """Whether everything is committed, and all workers are idle and ready."""
        return not any(self.behind().values()) and all(not member.unrest for member in self.members)

    def behind(self) -> dict[Partition, int]:
        """How many records lie above each committed offset."""
        return {at: len(self.kafka.logs[at]) - self._position(at) for at in self.partitions}

    def _position(self, at: Partition) -> int:
        committed = self.kafka.committed.get(at)
        return committed.offset if committed else 0

    def asked(self) -> Counter[int]:
        """How often each event was sent, by all workers."""
        return sum((member.asked for member in self.members), self._asked_by_former)

    async def pass_time(self) -> None:
        """Let a moment or some seconds pass, in which orders hold and workers live."""
        await some_turns()
        before = self.asked()
        await asyncio.sleep(self.random.choice(_PAUSES))
        if barred := {number for number in (self.asked() - before) if self._is_barred(number)}:
            self.faults.append(f"sent against an order: {barred}")
        if ended := [member.it.running for member in self.members if member.it.running.done()]:
            self.faults.append(f"ended: {ended}")

    def _is_barred(self, number: int) -> bool:
        return "pause" in self.orders or ("cancel/c" in self.orders and number % OFFERS == CANCELLED)

    async def start(self) -> Member:
        """Have one more worker, which has no partitions yet."""
        self._made += 1
        control = FakeControl(*self.orders.values())
        harness = Harness(
            kafka=self.kafka,
            clock=self.clock,
            drain=_DRAIN_SECONDS,
            concurrency=self.random.choice((1, 4, 8)),
            policy=CircuitPolicy(min_failures=4, pause=1.0, pause_max=4.0),
            held_bytes=self.random.choice((NO_BOUND, 6_000)),
            max_attempts=4,
            control="worker.control",
            orders=control,
            copies=RememberedIds(1_000, _DAY),
            worker=f"worker-{self._made}",
        )
        member = Member(harness, control)
        harness.sender.answer = lambda request: self._answer(member, request)
        await harness.__aenter__()
        harness.source.assign()
        self.members.append(member)
        return member

    def _answer(self, member: Member, request: Request) -> Answer:
        number = number_of(request)
        member.answered[number] += 1
        answer = self.random.choice(MOODS[self.mood])
        self.recorded[number] += isinstance(answer, Response) and answer.status == 200
        return answer

    def give(self, at: Partition, member: Member) -> None:
        """Assign a partition, which nobody has any more, to a worker."""
        self.owners[at] = member
        member.it.source.assign(at)

    def others(self, member: Member) -> list[Member]:
        """Those that work besides this one."""
        return [other for other in self.members if other is not member]

    async def drained(self, member: Member, drain: Awaitable[object]) -> None:
        """Wait for a drain; what is under way then is excused if all its time was needed."""
        began = self.clock.monotonic()
        await drain
        if self.clock.monotonic() - began > 0.99 * _DRAIN_SECONDS:
            self.excuse(member, lives=True)

    def excuse(self, member: Member, *, lives: bool) -> None:
        """Note what a worker has under way as it loses partitions: physics may have it sent twice.

        Its ending may be told twice, too: by a worker that lives and by the one that has the partitions now,
        or on the source and in the tier where one that was killed left it.
        """
        told = Counter(step.event_id for step in self.steps if step.attempt is not None)
        all_asked = self.asked()
        under_way = {number for number in member.asked if all_asked[number] > told[f"e-{number}"]}
        self.excused |= under_way
        untold = self._untold()
        self.left |= untold
        self.told_twice |= {self.numbers[origin] for origin in untold & self.numbers.keys()}
        self.told_twice |= under_way | self._untold_copies() if lives else set()

    def _untold(self) -> set[str]:
        """Origins of what a tier or the dead letters have, while the journal does not know it."""
        told = Counter(step.origin for step in self.steps if step.step is not StepKind.DELIVERED)
        there = [record for topic in (*TIER_TOPICS.values(), DLQ) for record in self.kafka.records(topic)]
        return set(Counter(origin_of(record) for record in there) - told)

    def _untold_copies(self) -> set[int]:
        ended = {step.origin for step in self.steps if step.step is not StepKind.RETRY}
        published = Counter(self.numbers.values())
        return {
            number for origin, number in self.numbers.items() if origin not in ended and published[number] > 1
        }

    async def replace(self, member: Member) -> None:
        """Have a new worker take the partitions of one that has ended."""
        self.members.remove(member)
        self.former.append(member)
        self._asked_by_former += member.asked
        after = await self.start()
        for at in self.partitions:
            if self.owners[at] is member:
                self.give(at, after)

    def banish(self, it: Harness) -> None:
        """Have a killed worker live in a world of its own, where nobody hears of what it does."""
        elsewhere = copy(self.kafka)
        elsewhere.logs = {at: log.copy() for at, log in self.kafka.logs.items()}
        elsewhere.committed, elsewhere.wake = self.kafka.committed.copy(), []
        it.source.kafka = it.publisher.kafka = it.follower.kafka = elsewhere
        it.sender.answer = lambda _request: Response(200)

    def toggle(self, order: Order) -> None:
        """Give an order to all workers, or end the one with its key."""
        if order.key in self.orders:
            del self.orders[order.key]
            news: Order | OrderEnd = OrderEnd(order.provenance, order.key)
        else:
            news = self.orders[order.key] = order
        for member in self.members:
            member.control.give(news)

    def mend(self) -> None:
        """End all that was broken on purpose."""
        self.mood = "well"
        for order in tuple(self.orders.values()):
            self.toggle(order)
        for member in self.members:
            it = member.it
            it.sender.gate.set()
            it.publisher.gate.set()
            it.publisher.come_back()
            it.follower.gate.set()
            it.publisher.refusing = it.source.refusing = None


def origin_of(record: Record) -> str:
    """The source record that a tier's record comes from."""
    headers = dict(record.headers)
    return (headers["postback-origin"] or b"").decode()


def number_of(request: Request) -> int:
    """The number of the event that a request is for."""
    return int(request.target.partition("click_id=c-")[2])
