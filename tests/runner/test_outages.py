"""A partner outage costs nothing: no attempt, no tier, no commit."""

from __future__ import annotations

from itertools import count

import pytest

from tests.runner.harness import REFUSED_CONNECTION, Harness, conversion, until
from worker.core.admission.circuit import CircuitPolicy, CircuitState
from worker.core.answer import Answer, Failure, FailureKind, Request, Response
from worker.runner.descriptor_shortage import STANDS_SECONDS
from worker.runner.drain import Phase
from worker.runner.state import outage_fields

# Opens at the second failure, and probes after a second of the fake clock.
QUICK = CircuitPolicy(min_failures=2, pause=1.0, pause_max=4.0)
SHORT = Failure(FailureKind.DESCRIPTORS, "too few descriptors")
FORBIDDEN = Failure(FailureKind.EGRESS, "127.0.0.1 is forbidden: loopback")


async def recovered(harness: Harness, offset: int) -> None:
    """Let time pass until an offset is committed: after an outage requests are paced."""

    def is_committed() -> bool:
        harness.time.advance(0.01)
        return harness.position() == offset

    await until(f"{offset} committed", is_committed)


@pytest.mark.parametrize("failure", [REFUSED_CONNECTION, Response(503), Failure(FailureKind.TIMEOUT, "slow")])
async def test_an_open_circuit(failure: Answer) -> None:
    """While the circuit is open nothing uses an attempt, moves to a tier or is dispatched, but probes."""
    async with Harness(concurrency=4, policy=QUICK) as harness:
        harness.sender.answer = lambda _: failure
        harness.source.assign(harness.first)
        harness.write(*range(20))
        await until("open", lambda: harness.gate.circuit.state is CircuitState.OPEN)
        await until("nothing in flight", lambda: harness.sender.in_flight == 0)
        made = len(harness.sender.requests)
        assert made <= 5  # the lanes, and the one that took another before the circuit opened
        counted = harness.heard.attempts.total()
        harness.time.advance(1.0)
        harness.write(20)  # a record that comes wakes the lanes: their timer's time is real
        await harness.sent(made + 1)
        await until("open again", lambda: harness.gate.circuit.state is CircuitState.OPEN)
        assert harness.heard.attempts.total() == counted == len(harness.heard.endings)
        assert harness.runner.snapshot().circuit is CircuitState.OPEN
        assert harness.reasons == []


async def test_an_outage_is_told() -> None:
    """The circuit's opening and closing are told once each with their cause, and each probe is counted."""
    async with Harness(concurrency=4, policy=QUICK) as harness:
        harness.sender.answer = lambda _: Response(503)
        harness.source.assign(harness.first)
        harness.write(*range(10))
        await until("told", lambda: bool(harness.heard.outages))
        await until("nothing in flight", lambda: harness.sender.in_flight == 0)
        (opened,) = harness.heard.outages
        assert (opened.label, opened.error, opened.since) == ("503", "HTTP 503", harness.time.now())
        assert opened.share == 1.0
        assert outage_fields(opened)["status"] == "503"
        harness.sender.answer = lambda _: REFUSED_CONNECTION
        made, counted = len(harness.sender.requests), len(harness.heard.probes)
        harness.time.advance(1.0)
        harness.write(10)
        await harness.sent(made + 1)
        await until("a probe is counted", lambda: len(harness.heard.probes) > counted)
        current = harness.runner.snapshot().outage
        assert current is not None
        assert current.label == "connection"
        harness.sender.answer = lambda _: Response(200)
        await recovered(harness, 11)
        (ended,) = harness.heard.ended_outages
        assert harness.heard.probes[-1]
        assert (ended.probes, ended.label) == (len(harness.heard.probes), "connection")
        assert harness.runner.snapshot().outage is None


async def test_after_an_outage() -> None:
    """When a probe succeeds all flows again, and what was given back is sent as if for the first time."""
    async with Harness(concurrency=4, policy=QUICK) as harness:
        harness.sender.answer = lambda _: REFUSED_CONNECTION
        harness.source.assign(harness.first)
        harness.write(*range(10))
        await until("open", lambda: harness.gate.circuit.state is CircuitState.OPEN)
        await until("nothing in flight", lambda: harness.sender.in_flight == 0)
        harness.sender.answer = lambda _: Response(200)
        harness.time.advance(2.0)
        harness.write(10)
        await recovered(harness, 11)
        retried = harness.heard.attempts["retry", "connection"]
        assert harness.heard.attempts["delivered", "200"] == 11 - retried
        assert retried <= 1  # the failure before the one that opened it


async def test_one_bad_event() -> None:
    """A click that the partner never takes does not open the circuit, however often it fails."""
    async with Harness(policy=QUICK) as harness:
        harness.sender.answer = lambda request: Response(400 if request.target.endswith("=c-0") else 200)
        harness.source.assign(harness.first)
        for _ in range(30):
            harness.write(0, 1)
        await harness.committed(60)
        assert harness.heard.attempts == {("retry", "400"): 30, ("delivered", "200"): 30}
        assert harness.gate.circuit.state is CircuitState.CLOSED


async def test_a_forbidden_address() -> None:
    """A forbidden address uses no attempt and sends nothing; the worker says `egress` until it is mended."""
    async with Harness(policy=QUICK) as harness:
        harness.sender.answer = lambda _: FORBIDDEN
        harness.source.assign(harness.first)
        harness.write(*range(3))
        await until("not ready", lambda: bool(harness.reasons))
        assert harness.reasons == ["egress: 127.0.0.1 is forbidden: loopback"]
        await until("nothing in flight", lambda: harness.sender.in_flight == 0)
        assert harness.heard.troubles == ["nothing is sent: 127.0.0.1 is forbidden: loopback"]
        assert (harness.heard.requests, harness.heard.attempts.total()) == (0, 0)
        assert not harness.position()  # none, or that nothing is finished: a slow machine commits meanwhile
        harness.sender.answer = lambda _: Response(200)
        harness.time.advance(2.0)
        harness.write(3)
        await recovered(harness, 4)
        assert harness.reasons == []
        assert harness.heard.attempts == {("delivered", "200"): 4}


async def test_too_few_descriptors() -> None:
    """Requests that this machine could not make use no attempt and open no circuit; it is said once."""
    short = count()
    async with Harness(policy=QUICK._replace(min_failures=1)) as harness:
        harness.sender.answer = lambda _: SHORT if next(short) < 12 else Response(200)
        harness.source.assign(harness.first)
        harness.write(*range(20))
        await harness.committed(20)
        assert harness.heard.attempts == {("delivered", "200"): 20}
        assert harness.heard.requests == 20
        assert harness.heard.troubles == ["no more connections can be opened: too few descriptors"]
        assert harness.reasons == ["descriptors: too few descriptors"]
        assert harness.gate.circuit.state is CircuitState.CLOSED
        harness.time.advance(STANDS_SECONDS + 1)
        assert harness.reasons == []


async def test_given_back_while_draining() -> None:
    """A record that is given back while its partition is drained is not taken again and stays uncommitted."""
    async with Harness(concurrency=1, policy=QUICK._replace(min_failures=1)) as harness:
        harness.sender.gate.clear()
        harness.sender.answer = lambda _: REFUSED_CONNECTION
        harness.source.assign(harness.first)
        harness.write(1)
        await harness.sent(1)
        harness.stop.set()
        await until("draining", lambda: harness.runner.phase is Phase.DRAINING)
        harness.sender.gate.set()
        await harness.running
        assert harness.heard.endings == []
        assert harness.position() == 0


async def test_a_probe_takes_another_record() -> None:
    """A record on which the probe fails does not keep the circuit open for all: the next probe is another."""

    def answer(request: Request) -> Answer:
        return REFUSED_CONNECTION if request.target.endswith("=c-0") else Response(200)

    async with Harness(concurrency=1, policy=QUICK._replace(min_failures=1)) as harness:
        harness.sender.answer = answer
        for number in (0, 1):
            harness.kafka.append(harness.first, conversion(number))
        harness.source.assign(harness.first)
        await until("open", lambda: harness.gate.circuit.state is CircuitState.OPEN)
        harness.time.advance(2.0)
        harness.write(2)
        await harness.ended(1)
        assert harness.clicks[0] == "c-0"
        assert harness.clicks[1] != "c-0"


async def test_a_run_that_fails_at_the_head() -> None:
    """What is behind a run of clicks that get 500 for ever is delivered: probes reach beyond what is held."""

    def answer(request: Request) -> Answer:
        return Response(500 if int(request.target.rpartition("-")[2]) < 120 else 200)

    async with Harness(outstanding=100, policy=CircuitPolicy()) as harness:
        harness.sender.answer = answer
        for number in range(160):
            harness.kafka.append(harness.first, conversion(number))
        harness.source.assign(harness.first)

        def are_delivered() -> bool:
            harness.time.advance(0.01)
            return harness.heard.attempts["delivered", "200"] >= 20

        await until("good ones", are_delivered)
        assert harness.heard.attempts["retry", "500"] < 160


async def test_a_retry_after_for_one_click() -> None:
    """A Retry-After holds for its own click; the others go on once one of them is taken."""

    def answer(request: Request) -> Answer:
        return Response(429, "60") if request.target.endswith("=c-0") else Response(200)

    async with Harness(policy=CircuitPolicy()) as harness:
        harness.sender.answer = answer
        harness.source.assign(harness.first)
        harness.write(0)
        await harness.ended(1)
        harness.write(*range(1, 100))
        began = harness.time.monotonic()
        await recovered(harness, 100)
        assert harness.time.monotonic() - began < 30.0
        assert harness.clicks.count("c-0") == 1
