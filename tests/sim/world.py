"""A runner on virtual time between a stream of events and a modelled partner, and what is seen of it.

The rule: every event of a stream is accounted for: delivered once, waiting in a tier, dead, or not yet read.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from random import Random
from typing import NamedTuple, cast, overload

from tests.fake_kafka import FakeKafka, FakePublisher
from tests.fake_source import FakeSource
from tests.runner.harness import DLQ, POSTBACK
from tests.sim.partner import Partner
from tests.sim.virtual import VirtualClock
from worker.core import offset_map
from worker.core.admission.circuit import CircuitPolicy, CircuitState
from worker.core.admission.gate import Gate
from worker.core.binding import Identity
from worker.core.classify import AnswerRules
from worker.core.endings import Dead, Delivered
from worker.core.record import Partition, Record
from worker.core.retry import RetryPolicy, Tier
from worker.pipeline import CompiledSettings
from worker.ports import Observer
from worker.runner import Clients, ConsumerGroup, DestinationParts, Limits, Runner, Surroundings

TIERS = (Tier("10s", 10.0), Tier("1m", 60.0), Tier("5m", 300.0), Tier("30m", 1800.0))
TIER_TOPICS = {tier: f"worker.retry.{tier.label}" for tier in TIERS}
# How soon a record that was produced is seen.
_SEEN = 0.01
_NEVER = 3600.0


class Stream(Sequence[Record]):
    """A partition that is written to at a steady rate from `begin` to `end`; its records are made when read.

    `backlog` records were there before.
    """

    def __init__(
        self,
        at: Partition,
        clock: VirtualClock,
        rate: float,
        *,
        backlog: int = 0,
        end: float = float("inf"),
    ) -> None:
        self.at, self._clock, self._rate = at, clock, rate
        self._backlog, self._end = backlog, end

    def __len__(self) -> int:
        return self._backlog + int(min(self._clock.monotonic(), self._end) * self._rate)

    def until_next(self) -> float:
        """Seconds until there is one more."""
        now = self._clock.monotonic()
        if not self._rate or now >= self._end:
            return _NEVER
        return (len(self) + 1 - self._backlog) / self._rate - now

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        if isinstance(index, slice):
            return [self._make(offset) for offset in range(*index.indices(len(self)))]
        return self._make(index)

    def _make(self, offset: int) -> Record:
        began = self._clock.now() - self._clock.monotonic()
        when = began + max(0.0, (offset + 1 - self._backlog) / self._rate if self._rate else 0.0)
        stamp = datetime.fromtimestamp(when, UTC).isoformat()
        name = f"c-{self.at.number}-{offset}"
        value = f'{{"event_id":"{name}","click_id":"{name}","occurred_at":"{stamp}"}}'
        return Record(self.at, offset, name.encode(), value.encode(), (), when)


class Sample(NamedTuple):
    """The worker at a moment: virtual seconds, limit, pace, what is in flight, the circuit, and more."""

    at: float
    limit: int
    pace: float
    in_flight: int
    circuit: CircuitState
    delivered: int
    wanted: float
    """How many workers are."""


class Book(Observer):
    """Counts what happens; `delays` are by the partition's number, from the record's time to the 200."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.delivered_ids: Counter[str] = Counter()
        self.delays: dict[int, list[float]] = {}
        self.attempts: Counter[tuple[str, str]] = Counter()
        self.deaths: Counter[str] = Counter()
        self.deliveries: list[float] = []
        """When each was delivered, in seconds since the simulation began."""

    def attempted(self, outcome: str, status: str) -> None:
        self.attempts[outcome, status] += 1

    def delivered(self, ending: Delivered, now: float) -> None:
        self.delivered_ids[ending.event_id] += 1
        number = int(ending.event_id.split("-")[1])
        self.delays.setdefault(number, []).append(max(0.0, ending.delay))
        self.deliveries.append(self._clock.monotonic())

    def dead(self, ending: Dead) -> None:
        self.deaths[ending.reason] += 1


class FairSource(FakeSource):
    """Hands over of all partitions by turns, as a consumer that fetches from all of them does."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.wanted = asyncio.Event()
        """Set whenever more may be read than before."""

    def ask(self, count: int) -> None:
        super().ask(count)
        self.wanted.set()

    def resume(self, partition: Partition) -> None:
        super().resume(partition)
        self.wanted.set()

    def allow(self, partition: Partition, count: int) -> None:
        super().allow(partition, count)
        self.wanted.set()

    @property
    def resting(self) -> set[Partition]:
        """The partitions of which nothing may be handed over for now."""
        return {at for at, reading in self._ours.items() if reading.paused or not reading.room}

    def _pump(self) -> None:
        self._pumping = False
        if not self._idle.is_set() or self.stopped:
            return
        records: list[Record] = []
        flowing = [(at, reading) for at, reading in self._ours.items() if not reading.paused and reading.room]
        while flowing and self.demand:
            share = -(-self.demand // len(flowing))
            for at, reading in tuple(flowing):
                most = min(share, self.demand, reading.room)
                there = self.kafka.logs[at][reading.next : reading.next + most]
                reading.next += len(there)
                reading.room -= len(there)
                self.demand -= len(there)
                records.extend(there)
                if len(there) < share:
                    flowing.remove((at, reading))
        if records:
            self._tell.on_records(records)


class World:
    """A runner, a stream for each partition, and a partner; use it on a virtual loop."""

    def __init__(
        self,
        partner: Partner,
        streams: Callable[[VirtualClock], Sequence[Stream]],
        *,
        concurrency: int = 256,
        rate: float | None = None,
        policy: CircuitPolicy = CircuitPolicy(),  # noqa: B008 - a frozen value
        every: float = 0.25,
        seed: int = 1,
    ) -> None:
        self.clock = VirtualClock()
        self.partner = partner
        self.streams = streams(self.clock)
        self.kafka = FakeKafka(**{DLQ: 1}, **dict.fromkeys(TIER_TOPICS.values(), 1))
        self.kafka.logs.update((stream.at, cast("list[Record]", stream)) for stream in self.streams)
        self.source = FairSource(self.kafka)
        self.gate = Gate(concurrency, policy, rate)
        self.book = Book(self.clock)
        self.samples: list[Sample] = []
        self._every = every
        self.produced = self.left = self.waiting = 0
        """At the end of a run: events there were, those unfinished on the source, and those on the tiers."""
        self.runner = Runner(
            DestinationParts(
                CompiledSettings(
                    POSTBACK, AnswerRules(), RetryPolicy(TIERS, 12, 30 * 86400.0), TIER_TOPICS, DLQ
                ),
                self.gate,
                ConsumerGroup(Identity("conversions", "partner")),
                Limits(1000, 25.0),
            ),
            Clients(self.source, FakePublisher(self.kafka), partner),
            Surroundings(self.book, self.clock, Random(seed).random),
        )

    async def run(self, seconds: float) -> World:
        """Let so many seconds pass, drain, and return the world as it is then."""
        stop = asyncio.Event()
        running = asyncio.create_task(self.runner.run(stop))
        await asyncio.sleep(0.001)  # the runner has joined by then
        self.source.assign(*self.kafka.logs)
        helpers = [asyncio.create_task(self._produce()), asyncio.create_task(self._watch())]
        await asyncio.sleep(seconds)
        stop.set()
        await running
        self._close_the_books()
        for task in helpers:
            task.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)
        return self

    def _close_the_books(self) -> None:
        """Note what is left: on the source, by what is committed, and on the tiers."""
        self.produced = sum(len(stream) for stream in self.streams)
        self.left = self.produced - sum(self._finished(stream.at) for stream in self.streams)
        self.waiting = sum(
            len(log) - self._finished(at) for at, log in self.kafka.logs.items() if at.topic in _TIER_NAMES
        )

    def _finished(self, at: Partition) -> int:
        """How many records are finished by what is committed: its offset, and the map above it."""
        position = self.kafka.committed.get(at)
        if position is None:
            return 0
        above = offset_map.read(position.metadata).finished
        return position.offset if above is None else above.upto - len(above.holes)

    async def _produce(self) -> None:
        """Wake the source for what was produced, while it wants any."""
        streams = {stream.at: stream for stream in self.streams}
        while True:
            open_to = streams.keys() - self.source.resting
            if not open_to or not self.source.demand:
                self.source.wanted.clear()
                await self.source.wanted.wait()
                continue
            await asyncio.sleep(max(_SEEN, min(streams[at].until_next() for at in open_to)))
            for wake in self.kafka.wake:
                wake()

    async def _watch(self) -> None:
        while True:
            gate = self.gate
            at, delivered = self.clock.monotonic(), len(self.book.deliveries)
            pace = gate.pace.per_second
            wanted = self.runner.snapshot().workers_wanted
            self.samples.append(
                Sample(at, gate.limit.value, pace, gate.in_flight, gate.circuit.state, delivered, wanted)
            )
            await asyncio.sleep(self._every)


_TIER_NAMES = frozenset(TIER_TOPICS.values())
