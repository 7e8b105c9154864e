"""The worker against a partner that closes after each answer without saying so: it costs next to nothing."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.adapters.http.world import Transport, World
from tests.core.templates.compiled import template
from tests.fake_kafka import FakeKafka, FakePublisher
from tests.fake_source import FakeSource
from tests.fakes import FakeClock
from tests.runner.harness import DLQ, IDENTITY, SOURCE, TIER_TOPICS, conversion, until
from tests.runner.heard import Heard
from tests.support.partner import OK, Visit
from worker.core.admission.circuit import CircuitPolicy, CircuitState
from worker.core.admission.gate import Gate
from worker.core.classify import AnswerRules
from worker.core.record import Partition
from worker.core.retry import RetryPolicy
from worker.core.templates import Postback
from worker.pipeline import CompiledSettings
from worker.runner import Clients, ConsumerGroup, DestinationParts, Limits, Runner, Surroundings

EVENTS = 2000
LANES = 64


@pytest.fixture(params=["http"])
def scheme(request: pytest.FixtureRequest) -> str:
    """In the clear: what closes is the same."""
    return str(request.param)


@pytest.fixture(params=["direct"])
def transport(request: pytest.FixtureRequest) -> Transport:
    """The usual one; what both do is seen in test_kept."""
    chosen: Transport = request.param
    return chosen


@pytest.mark.parametrize("later", [0.0, 0.002], ids=["at once", "a little later"])
async def test_silent_partner(world: World, transport: Transport, later: float) -> None:
    """Of 2,000 events all but a handful are delivered at the first attempt; the circuit stays closed."""
    told = Counter[str]()

    async def script(visit: Visit) -> None:
        told[(await visit.request()).split(b" ")[1].decode()] += 1
        visit.push(OK)
        if later:
            await asyncio.sleep(later)

    partner = await world.partner(script)
    postback = template(f"{partner.origin}/p?click_id={{click_id}}")
    kafka = FakeKafka(**{SOURCE: 1, DLQ: 1}, **dict.fromkeys(TIER_TOPICS.values(), 1))
    for number in range(EVENTS):
        kafka.append(Partition(SOURCE, 0), conversion(number), b"key")
    source = FakeSource(kafka)
    gate, heard, stop = Gate(LANES, CircuitPolicy()), Heard(), asyncio.Event()
    states: list[CircuitState] = []
    runner = Runner(
        DestinationParts(
            CompiledSettings(
                Postback(postback, postback),
                AnswerRules(),
                RetryPolicy(tuple(TIER_TOPICS), 3, 30 * 86400.0),
                TIER_TOPICS,
                DLQ,
            ),
            gate,
            ConsumerGroup(IDENTITY),
            Limits(1000, 5.0),
        ),
        Clients(source, FakePublisher(kafka), world.sender()),
        Surroundings(heard, FakeClock(), lambda: 0.0),
    )
    running = asyncio.create_task(runner.run(stop))
    await until("assigned", lambda: bool(kafka.wake))
    source.assign(Partition(SOURCE, 0))

    def over() -> bool:
        states.append(gate.circuit.state)
        return len(heard.endings) >= EVENTS

    await until("all have ended", over)
    stop.set()
    await running
    failed = sum(count for (outcome, _), count in heard.attempts.items() if outcome != "delivered")
    print(f"{transport}: {EVENTS} events, {failed} failed attempts, {set(states)}")
    assert failed <= 5
    assert set(states) == {CircuitState.CLOSED}
    assert set(told.values()) == {1}
