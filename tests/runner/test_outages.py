"""A partner outage costs nothing: no attempt, no tier, no commit."""

from __future__ import annotations

from itertools import count

import pytest

from tests.runner.stage import REFUSED_CONNECTION, Stage, conversion, until
from worker.core.answer import Answer, Failure, FailureKind, Request, Response
from worker.core.circuit import CircuitPolicy, CircuitState
from worker.runner.drain import Phase
from worker.runner.shortage import STANDS_SECONDS
from worker.runner.state import outage_fields

# Opens at the second failure, and probes after a second of the fake clock.
QUICK = CircuitPolicy(min_failures=2, pause=1.0, pause_max=4.0)
SHORT = Failure(FailureKind.DESCRIPTORS, "too few descriptors")
FORBIDDEN = Failure(FailureKind.EGRESS, "127.0.0.1 is forbidden: loopback")


async def recovered(stage: Stage, offset: int) -> None:
    """Let time pass until an offset is committed: after an outage requests are paced."""

    def is_committed() -> bool:
        stage.time.advance(0.01)
        return stage.position() == offset

    await until(f"{offset} committed", is_committed)


@pytest.mark.parametrize("failure", [REFUSED_CONNECTION, Response(503), Failure(FailureKind.TIMEOUT, "slow")])
async def test_an_open_circuit(failure: Answer) -> None:
    """While the circuit is open nothing uses an attempt, moves to a tier or is dispatched, but probes."""
    async with Stage(concurrency=4, policy=QUICK) as stage:
        stage.sender.answer = lambda _: failure
        stage.source.assign(stage.first)
        stage.write(*range(20))
        await until("open", lambda: stage.gate.circuit.state is CircuitState.OPEN)
        await until("nothing in flight", lambda: stage.sender.in_flight == 0)
        made = len(stage.sender.requests)
        assert made <= 5  # the lanes, and the one that took another before the circuit opened
        counted = stage.heard.attempts.total()
        stage.time.advance(1.0)
        stage.write(20)  # a record that comes wakes the lanes: their timer's time is real
        await stage.sent(made + 1)
        await until("open again", lambda: stage.gate.circuit.state is CircuitState.OPEN)
        assert stage.heard.attempts.total() == counted == len(stage.heard.endings)
        assert stage.runner.snapshot().circuit is CircuitState.OPEN
        assert stage.reasons == []


async def test_an_outage_is_told() -> None:
    """The circuit's opening and closing are told once each with their cause, and each probe is counted."""
    async with Stage(concurrency=4, policy=QUICK) as stage:
        stage.sender.answer = lambda _: Response(503)
        stage.source.assign(stage.first)
        stage.write(*range(10))
        await until("told", lambda: bool(stage.heard.outages))
        await until("nothing in flight", lambda: stage.sender.in_flight == 0)
        (opened,) = stage.heard.outages
        assert (opened.label, opened.error, opened.since) == ("503", "HTTP 503", stage.time.now())
        assert opened.share == 1.0
        assert outage_fields(opened)["status"] == "503"
        stage.sender.answer = lambda _: REFUSED_CONNECTION
        made = len(stage.sender.requests)
        stage.time.advance(1.0)
        stage.write(10)
        await stage.sent(made + 1)
        await until("a probe is counted", lambda: False in stage.heard.probes)
        current = stage.runner.snapshot().outage
        assert current is not None
        assert current.label == "connection"
        stage.sender.answer = lambda _: Response(200)
        await recovered(stage, 11)
        (ended,) = stage.heard.ended_outages
        assert stage.heard.probes[-1]
        assert (ended.probes, ended.label) == (len(stage.heard.probes), "connection")
        assert stage.runner.snapshot().outage is None


async def test_after_an_outage() -> None:
    """When a probe succeeds all flows again, and what was given back is sent as if for the first time."""
    async with Stage(concurrency=4, policy=QUICK) as stage:
        stage.sender.answer = lambda _: REFUSED_CONNECTION
        stage.source.assign(stage.first)
        stage.write(*range(10))
        await until("open", lambda: stage.gate.circuit.state is CircuitState.OPEN)
        await until("nothing in flight", lambda: stage.sender.in_flight == 0)
        stage.sender.answer = lambda _: Response(200)
        stage.time.advance(2.0)
        stage.write(10)
        await recovered(stage, 11)
        retried = stage.heard.attempts["retry", "connection"]
        assert stage.heard.attempts["delivered", "200"] == 11 - retried
        assert retried <= 1  # the failure before the one that opened it


async def test_one_bad_event() -> None:
    """A click that the partner never takes does not open the circuit, however often it fails."""
    async with Stage(policy=QUICK) as stage:
        stage.sender.answer = lambda request: Response(400 if request.target.endswith("=c-0") else 200)
        stage.source.assign(stage.first)
        for _ in range(30):
            stage.write(0, 1)
        await stage.committed(60)
        assert stage.heard.attempts == {("retry", "400"): 30, ("delivered", "200"): 30}
        assert stage.gate.circuit.state is CircuitState.CLOSED


async def test_a_forbidden_address() -> None:
    """A forbidden address uses no attempt and sends nothing; the worker says `egress` until it is mended."""
    async with Stage(policy=QUICK) as stage:
        stage.sender.answer = lambda _: FORBIDDEN
        stage.source.assign(stage.first)
        stage.write(*range(3))
        await until("not ready", lambda: bool(stage.reasons))
        assert stage.reasons == ["egress: 127.0.0.1 is forbidden: loopback"]
        await until("nothing in flight", lambda: stage.sender.in_flight == 0)
        assert stage.heard.troubles == ["nothing is sent: 127.0.0.1 is forbidden: loopback"]
        assert (stage.heard.requests, stage.heard.attempts.total(), stage.position()) == (0, 0, None)
        stage.sender.answer = lambda _: Response(200)
        stage.time.advance(2.0)
        stage.write(3)
        await recovered(stage, 4)
        assert stage.reasons == []
        assert stage.heard.attempts == {("delivered", "200"): 4}


async def test_too_few_descriptors() -> None:
    """Requests that this machine could not make use no attempt and open no circuit; it is said once."""
    short = count()
    async with Stage(policy=QUICK._replace(min_failures=1)) as stage:
        stage.sender.answer = lambda _: SHORT if next(short) < 12 else Response(200)
        stage.source.assign(stage.first)
        stage.write(*range(20))
        await stage.committed(20)
        assert stage.heard.attempts == {("delivered", "200"): 20}
        assert stage.heard.requests == 20
        assert stage.heard.troubles == ["no more connections can be opened: too few descriptors"]
        assert stage.reasons == ["descriptors: too few descriptors"]
        assert stage.gate.circuit.state is CircuitState.CLOSED
        stage.time.advance(STANDS_SECONDS + 1)
        assert stage.reasons == []


async def test_given_back_while_draining() -> None:
    """A record that is given back while its partition is drained is not taken again and stays uncommitted."""
    async with Stage(concurrency=1, policy=QUICK._replace(min_failures=1)) as stage:
        stage.sender.gate.clear()
        stage.sender.answer = lambda _: REFUSED_CONNECTION
        stage.source.assign(stage.first)
        stage.write(1)
        await stage.sent(1)
        stage.stop.set()
        await until("draining", lambda: stage.runner.phase is Phase.DRAINING)
        stage.sender.gate.set()
        await stage.running
        assert stage.heard.endings == []
        assert stage.position() == 0


async def test_a_probe_takes_another_record() -> None:
    """A record on which the probe fails does not keep the circuit open for all: the next probe is another."""

    def answer(request: Request) -> Answer:
        return REFUSED_CONNECTION if request.target.endswith("=c-0") else Response(200)

    async with Stage(concurrency=1, policy=QUICK._replace(min_failures=1)) as stage:
        stage.sender.answer = answer
        for number in (0, 1):
            stage.kafka.append(stage.first, conversion(number))
        stage.source.assign(stage.first)
        await until("open", lambda: stage.gate.circuit.state is CircuitState.OPEN)
        stage.time.advance(2.0)
        stage.write(2)
        await stage.ended(1)
        assert stage.clicks[0] == "c-0"
        assert stage.clicks[1] != "c-0"


async def test_a_run_that_fails_at_the_head() -> None:
    """What is behind a run of clicks that get 500 for ever is delivered: probes reach beyond what is held."""

    def answer(request: Request) -> Answer:
        return Response(500 if int(request.target.rpartition("-")[2]) < 120 else 200)

    async with Stage(outstanding=100, policy=CircuitPolicy()) as stage:
        stage.sender.answer = answer
        for number in range(160):
            stage.kafka.append(stage.first, conversion(number))
        stage.source.assign(stage.first)

        def are_delivered() -> bool:
            stage.time.advance(0.01)
            return stage.heard.attempts["delivered", "200"] >= 20

        await until("good ones", are_delivered)
        assert stage.heard.attempts["retry", "500"] < 160


async def test_a_retry_after_for_one_click() -> None:
    """A Retry-After holds for its own click; the others go on once one of them is taken."""

    def answer(request: Request) -> Answer:
        return Response(429, "60") if request.target.endswith("=c-0") else Response(200)

    async with Stage(policy=CircuitPolicy()) as stage:
        stage.sender.answer = answer
        stage.source.assign(stage.first)
        stage.write(0)
        await stage.ended(1)
        stage.write(*range(1, 100))
        began = stage.time.monotonic()
        await recovered(stage, 100)
        assert stage.time.monotonic() - began < 30.0
        assert stage.clicks.count("c-0") == 1
