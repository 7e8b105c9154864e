"""What may have happened on a kept connection before a request is written to it: a stray answer, its end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.adapters.http.world import World, verdict
from tests.support.blunt import Blunt, Line
from tests.support.partner import OK, Script, Visit
from worker.adapters.http.write_batch import SocketWriter
from worker.core import connection_reuse
from worker.core.answer import Answer, Content, FailureKind, Request
from worker.ports import Lane

NO = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
POST = Content("POST", (("X-A", "b"),), b"x" * 5000)
DEPTHS = range(8)
"""Turns of the loop after the beginning of an attempt, until well after its request was written."""


@pytest.fixture
def blunt(world: World) -> Iterator[Blunt]:
    """A partner that acts at the very moment that the test means."""
    with Blunt(world.server_tls() if world.scheme == "https" else None) as partner:
        yield partner


async def served_once(lane: Lane, blunt: Blunt) -> Line:
    """Let the lane send one request, and return the connection that it keeps."""
    sending = asyncio.ensure_future(lane.send(Request(blunt.origin, "/first")))
    line = await answer_next(blunt, OK)
    assert verdict(await sending) == 200
    return line


async def answer_next(blunt: Blunt, answer: bytes) -> Line:
    """Answer the request of a new connection."""
    line = await asyncio.to_thread(blunt.accept)
    await asyncio.to_thread(line.request)
    line.send(answer)
    return line


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> list[SocketWriter]:
    """The writers on which a request has left; what TLS makes of it may reach the socket a little later."""
    writers: list[SocketWriter] = []
    flush = SocketWriter.flush

    def noted(writer: SocketWriter) -> None:
        writers.append(writer)
        flush(writer)

    monkeypatch.setattr(SocketWriter, "flush", noted)
    return writers


async def at_every_depth(
    world: World, blunt: Blunt, left: list[SocketWriter], content: Content | None, act: Callable[[Line], None]
) -> list[tuple[bool, Answer]]:
    """Act on a kept connection at each moment of an attempt before its request leaves; tell what came of it.

    Once the request has left nothing is done on its connection but to answer it.
    """
    found = []
    for depth in DEPTHS:
        lane = world.sender().lane()
        line = await served_once(lane, blunt)
        left.clear()
        sending = asyncio.ensure_future(lane.send(Request(blunt.origin, "/second", content)))
        for _ in range(depth):
            await asyncio.sleep(0)
        early = not left
        if early:
            act(line)
            await answer_next(blunt, NO)
        else:
            line.send(NO)
        found.append((early, await sending))
        await lane.close()
    return found


@pytest.mark.parametrize("content", [None, POST])
async def test_stray_answer(
    world: World, blunt: Blunt, left: list[SocketWriter], content: Content | None
) -> None:
    """An answer that lies there before a request is written is not taken for the request's."""
    found = await at_every_depth(world, blunt, left, content, lambda line: line.send(OK))
    assert [verdict(answer) for _, answer in found] == [500] * len(DEPTHS)
    assert any(early for early, _ in found)


@pytest.mark.parametrize("content", [None, POST])
async def test_end_before_the_request(
    world: World, blunt: Blunt, left: list[SocketWriter], content: Content | None
) -> None:
    """A request that finds its kept connection ended is written to a new one, and fails nothing."""
    found = await at_every_depth(world, blunt, left, content, Line.end)
    assert [verdict(answer) for _, answer in found] == [500] * len(DEPTHS)
    assert any(early for early, _ in found)


@pytest.mark.parametrize("content", [None, POST])
async def test_end_of_the_new_connection_too(world: World, blunt: Blunt, content: Content | None) -> None:
    """A request is written to a new connection once: where that ends as well, the attempt has failed."""
    lane = world.sender().lane()
    line = await served_once(lane, blunt)
    sending = asyncio.ensure_future(lane.send(Request(blunt.origin, "/second", content)))
    line.end()
    (await asyncio.to_thread(blunt.accept)).end()
    assert verdict(await sending) == FailureKind.CONNECTION


def silently_closing(told: Counter[str], turns: int | None) -> Script:
    """Answer one request of each connection and close, so many turns later or by a timer."""

    async def script(visit: Visit) -> None:
        told[(await visit.request()).split(b" ")[1].decode()] += 1
        visit.push(OK)
        if turns is None:
            await asyncio.sleep(0.002)
        for _ in range(turns or 0):
            await asyncio.sleep(0)

    return script


@pytest.mark.parametrize("turns", [0, 3, None])
async def test_partner_that_closes_silently(
    world: World, turns: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partner that closes after each answer without saying so costs no more than an attempt or two."""
    monkeypatch.setattr(connection_reuse, "TRIAL_SECONDS", 3600.0)  # one trial, however slow the machine
    events, lanes, told = 200, 16, Counter[str]()
    partner = await world.partner(silently_closing(told, turns))
    sender = world.sender()
    numbers = iter(range(events))
    found: list[int | FailureKind] = []

    async def deliver() -> None:
        lane = sender.lane()
        for number in numbers:
            content = POST if number % 2 else None
            answer = await lane.send(Request(partner.origin, f"/{number}", content))
            found.append(verdict(answer))

    await asyncio.gather(*(deliver() for _ in range(lanes)))
    failed = events - found.count(200)
    print(f"{events} events, {failed} failed attempts, {partner.connections} connections")
    assert failed <= 2
    assert len(told) >= events - failed
    assert set(told.values()) == {1}


async def test_partner_whose_answers_are_longer_than_they_say(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partner that sends more than it announced, a little later, costs one attempt for each trial."""
    monkeypatch.setattr(connection_reuse, "TRIAL_SECONDS", 0.0)
    told = Counter[str]()

    async def script(visit: Visit) -> None:
        while True:
            told[(await visit.request()).split(b" ")[1].decode()] += 1
            await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await asyncio.sleep(0.02)
            await visit.send(b"more")

    partner = await world.partner(script)
    lane = world.sender().lane()
    found = [verdict(await lane.send(Request(partner.origin, f"/{number}"))) for number in range(8)]
    assert found.count(200) >= 7
    assert set(told.values()) == {1}
