"""A follower of the journal tells what is there, when that was all, and what comes: the fake and the real."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from contextlib import ExitStack

import pytest
from confluent_kafka import KafkaError, KafkaException

from tests.adapters.kafka.following import PARTITIONS, Listener, World, heard, real, step
from tests.fake_follower import FakeFollower
from tests.fake_kafka import FakeKafka
from tests.runner.harness import until
from tests.support.kafka import Names, Write, create_topics, delete_topics, produce
from worker.adapters.kafka import journal_client, journal_follower
from worker.adapters.kafka.journal_client import JournalClient
from worker.core.record import Partition


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.kafka)])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """Each of them."""
    stack = ExitStack()
    if request.param == "fake":
        kafka = FakeKafka(journal=PARTITIONS)

        def append(number: int, value: bytes) -> None:
            kafka.append(Partition("journal", number), value, b"key")

        made = World(FakeFollower(kafka, "journal", "us", lambda: 0.0), append)
    else:
        bootstrap, names = request.getfixturevalue("kafka"), Names.fresh()
        create_topics(bootstrap, {names.journal: PARTITIONS})
        made = World(
            stack.enter_context(real(bootstrap, names)),
            lambda number, value: produce(bootstrap, names.journal, [Write(value, b"key", (), number)]),
        )
    with stack:
        yield made
        await made.follower.stop()


async def test_what_is_there_comes_first(world: World) -> None:
    """What is there is told before it is said that all is; then what comes; but nothing of our own."""
    world.write(0, step(1))
    world.write(0, step(2, "us"))
    world.write(1, step(3))
    world.follower.start(world.listener)
    world.follower.follow({0}, {0}, 1)
    await heard(world, "e-1", ("read", 100))
    world.write(0, b"no step")
    world.write(0, step(4))
    await heard(world, "e-1", ("read", 100), "e-4")


async def test_asked_again(world: World) -> None:
    """Who asks again for what is read hears of it again, once all is told that is there by then."""
    world.follower.start(world.listener)
    world.follower.follow({0}, {0}, 1)
    await heard(world, ("read", 100))
    world.write(0, step(1))
    world.follower.follow({0, 1}, {0}, 2)
    await heard(world, ("read", 100), "e-1", ("read", 200))
    world.follower.follow({0, 1}, {1}, 3)
    await heard(world, ("read", 100), "e-1", ("read", 200), ("read", 301))


async def test_more_partitions_of_the_source(world: World) -> None:
    """A partition that the journal does not have is read in the one that is left by division."""
    world.write(1, step(5, partition=3))
    world.follower.start(world.listener)
    world.follower.follow({3}, {3}, 1)
    await heard(world, "e-5", ("read", 103))


async def test_a_journal_that_has_grown(world: World) -> None:
    """Steps that were written when the journal had fewer partitions are told of before it counts as read."""
    world.write(0, step(1))
    world.write(0, step(2, partition=1))
    world.write(1, step(3, partition=1))
    world.follower.start(world.listener)
    world.follower.follow({1}, {1}, 1)
    await until("read", lambda: ("read", 101) in world.listener.heard)
    assert sorted(map(str, world.listener.heard[:-1])) == ["e-2", "e-3"]
    assert world.listener.heard[-1] == ("read", 101)


async def test_taken_up_where_it_was_left(world: World) -> None:
    """What is followed again is read on from where it was left."""
    world.write(0, step(1))
    world.follower.start(world.listener)
    world.follower.follow({0}, {0}, 1)
    await heard(world, "e-1", ("read", 100))
    world.follower.follow({1}, {1}, 2)
    await heard(world, "e-1", ("read", 100), ("read", 201))
    world.write(0, step(2))
    world.follower.follow({0}, {0}, 3)
    await heard(world, "e-1", ("read", 100), ("read", 201), "e-2", ("read", 300))


@pytest.mark.kafka
async def test_no_more_than_is_remembered(kafka: str) -> None:
    """Of more than is remembered the newest are read, and the others counted."""
    names = Names.fresh()
    create_topics(kafka, {names.journal: 1})
    produce(kafka, names.journal, [Write(step(number), b"key") for number in range(50)])
    with real(kafka, names, most=10) as follower:
        world = World(follower, lambda *_: None)
        follower.start(world.listener)
        follower.follow({0}, {0}, 1)
        await heard(world, *(f"e-{number}" for number in range(40, 50)), ("read", 100))
        assert world.listener.skipped == 40
        await follower.stop()


@pytest.mark.kafka
async def test_a_missing_journal(kafka: str) -> None:
    """Of a journal that is not there it is said that it can't be read; once it is there, it is."""
    names = Names.fresh()
    with real(kafka, names) as follower:
        world = World(follower, lambda *_: None)
        follower.start(world.listener)
        follower.follow({0}, {0}, 1)
        await until("it is said", lambda: bool(world.listener.unread))
        assert world.listener.unread[0].startswith("[0]: its journal can't be read: ")
        assert not world.listener.heard
        await asyncio.to_thread(create_topics, kafka, {names.journal: 1})
        await heard(world, ("read", 100))
        assert world.listener.failure is None
        await follower.stop()


@pytest.mark.kafka
async def test_a_clock_that_is_ahead(kafka: str, names: Names) -> None:
    """A step is no younger than the moment in which it is read, whatever its writer's clock says."""
    create_topics(kafka, {names.journal: 1})
    ahead, behind = (int((time.time() + seconds) * 1000) for seconds in (1800, -1800))
    produce(kafka, names.journal, [Write(step(1), b"key", timestamp=ahead)])
    produce(kafka, names.journal, [Write(step(2), b"key", timestamp=behind)])
    with real(kafka, names) as follower:
        world = World(follower, lambda *_: None)
        follower.start(world.listener)
        follower.follow({0}, {0}, 1)
        await heard(world, "e-1", "e-2", ("read", 100))
        first, second = world.listener.times
        assert abs(first - time.time()) < 60
        assert second == behind / 1000
        await follower.stop()


@pytest.mark.kafka
async def test_unread_until_it_is_read(kafka: str, names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal that can't be read any more is not said to be read before it is again."""
    monkeypatch.setattr(journal_follower, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(journal_follower, "STALE_SECONDS", 0.5)
    create_topics(kafka, {names.journal: 1})
    offsets, is_silent = JournalClient.offsets, False

    def asked(client: JournalClient, numbers: Collection[int], which: int) -> dict[int, int]:
        if is_silent:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return offsets(client, numbers, which)

    monkeypatch.setattr(JournalClient, "offsets", asked)
    with real(kafka, names) as follower:
        world = World(follower, lambda *_: None)
        follower.start(world.listener)
        follower.follow({0}, {0}, 1)
        await heard(world, ("read", 100))
        is_silent = True
        await until("it is said, again and again", lambda: len(world.listener.unread) >= 5)
        await heard(world, ("read", 100))
        is_silent = False
        await heard(world, ("read", 100), ("read", 100))
        await follower.stop()


@pytest.mark.kafka
async def test_a_client_that_is_wrong_for_good(
    kafka: str, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that asks in vain for long is replaced, and what lies there is told."""
    monkeypatch.setattr(journal_client, "RENEW_AFTER_SECONDS", 0.5)
    monkeypatch.setattr(journal_follower, "LOOK_SECONDS", 0.1)
    create_topics(kafka, {names.journal: PARTITIONS})
    produce(kafka, names.journal, [Write(step(1), b"key", (), 0)])
    listener = Listener()
    first: list[object] = []
    offsets = JournalClient.offsets

    def wrong_for_good(client: JournalClient, numbers: Collection[int], which: int) -> dict[int, int]:
        first.append(client._consumer)
        if client._consumer is first[0]:
            raise KafkaException(KafkaError(KafkaError._UNKNOWN_PARTITION))
        return offsets(client, numbers, which)

    monkeypatch.setattr(JournalClient, "offsets", wrong_for_good)
    with real(kafka, names) as follower:
        follower.start(listener)
        follower.follow({0}, {0}, 1)
        await until("told", lambda: listener.heard == ["e-1", ("read", 100)])
        await follower.stop()


@pytest.mark.kafka
async def test_a_journal_that_is_made_anew(kafka: str, names: Names) -> None:
    """A journal that was deleted and made again is read from its start, also where it is longer by then."""
    create_topics(kafka, {names.journal: 1})
    produce(kafka, names.journal, [Write(step(number), b"key") for number in range(3)])
    with real(kafka, names) as follower:
        world = World(follower, lambda *_: None)
        follower.start(world.listener)
        follower.follow({0}, {0}, 1)
        await heard(world, "e-0", "e-1", "e-2", ("read", 100))
        await asyncio.to_thread(delete_topics, kafka, [names.journal])
        await asyncio.to_thread(create_topics, kafka, {names.journal: 1})
        produce(kafka, names.journal, [Write(step(number), b"key") for number in range(10, 20)])
        anew = {f"e-{number}" for number in range(10, 20)}
        await until("all of it", lambda: anew <= {*world.listener.heard})
        await follower.stop()
