"""A source that leaves its group: within bounds, whatever hangs."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, ClassVar, cast
from unittest.mock import Mock, call

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from tests.adapters.kafka.ear import WITHIN, Ear, until
from tests.adapters.kafka.members import started
from tests.adapters.kafka.suites import MAP
from tests.adapters.kafka.worlds import MockWorld
from worker.adapters.kafka import (
    KafkaSource,
    consumer_config,
    group_member,
    offset_commits,
    poll_thread,
)
from worker.adapters.kafka import source as source_module
from worker.adapters.kafka.loop_bridge import LoopBridge
from worker.adapters.kafka.source_options import SourceOptions
from worker.core.assigned_partition import Position


async def test_slow_drain(mock_world: MockWorld, ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    """A drain that takes too long is given up, uncommitted and with a trouble, and the group goes on."""
    (at,) = mock_world.create(1)
    monkeypatch.setattr(source_module, "DRAIN_MARGIN_SECONDS", 0.2)
    config = consumer_config(mock_world.bootstrap, mock_world.group, "c", mock_world.properties)
    source = KafkaSource(config, SourceOptions([at.topic]), drain_timeout=0.1)
    await source.start(ear)
    await mock_world.joined(source, ear, [at])
    ear.last = {at: Position(1, MAP)}
    ear.draining = asyncio.Event().wait  # for ever
    await source.stop()
    assert ear.events == ["assigned", "revoked"]
    assert any("not drained" in trouble for trouble in ear.troubles)
    assert not ear.failures


async def test_leaving_that_hangs(
    mock_world: MockWorld, ear: Ear, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A source that hangs as it leaves is left behind; a drain is waited for where there is one."""
    (at,) = mock_world.create(1)
    monkeypatch.setattr(source_module, "LEAVE_MARGIN_SECONDS", 0.2)
    config = consumer_config(mock_world.bootstrap, mock_world.group, "c", mock_world.properties)
    source = KafkaSource(config, SourceOptions([at.topic]), drain_timeout=10_000)
    may_close, close = threading.Event(), group_member.GroupMember.close

    def hang(of: group_member.GroupMember) -> None:
        may_close.wait(WITHIN)
        close(of)

    monkeypatch.setattr(group_member.GroupMember, "close", hang)
    await source.start(ear)
    await mock_world.joined(source, ear, [at])
    async with asyncio.timeout(WITHIN / 2):
        await source.stop()
    assert "the consumer did not leave its group in time" in caplog.text
    drained = asyncio.Event()
    ear.draining = drained.wait
    may_close.set()
    await until("a drain", lambda: "revoked" in ear.events)
    waits: list[float] = []

    def wait(of: Iterable[asyncio.Future[None]], timeout: float) -> Coroutine[Any, Any, Any]:
        waits.append(timeout)
        return wait_as_ever(of, timeout=timeout)

    wait_as_ever = asyncio.wait
    monkeypatch.setattr(asyncio, "wait", wait)
    stopping = asyncio.create_task(source.stop())
    await until("it has waited and goes on", lambda: len(waits) == 2 or stopping.done())
    assert not stopping.done()
    assert waits == [0.2, pytest.approx(10_000, rel=0.01)], "a drain has more time than leaving"
    drained.set()
    await stopping


class ClosingConsumer:
    """A client that still has an assignment to tell of when it is closed."""

    def __init__(self, _settings: object, logger: object) -> None:
        self.calls: list[str] = []

    def subscribe(self, topics: list[str], **callbacks: Any) -> None:
        self._partitions = [TopicPartition(topic, 0) for topic in topics]
        self._on_assign, self._on_revoke = callbacks["on_assign"], callbacks["on_revoke"]

    def unsubscribe(self) -> None:
        self.calls.append("unsubscribe")

    def close(self) -> None:
        self._on_assign(self, self._partitions)
        self._on_revoke(self, self._partitions)
        self.calls.append("close")


def test_assigned_as_it_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """An assignment that comes only while the client is closed is not taken up: nothing can be asked then.

    Nobody hears of it, nor of its end.
    """
    monkeypatch.setattr(group_member, "Consumer", ClosingConsumer)
    bridge = Mock(spec=LoopBridge)
    thread = poll_thread.PollThread({"group.id": "g"}, SourceOptions(["t"]), bridge, logging.getLogger())
    thread.member.join()
    thread.member.close()
    assert cast("ClosingConsumer", thread.member.consumer).calls == ["unsubscribe", "close"]
    assert bridge.mock_calls == [call.left()]  # from before, when the client was made


class RevokesAmidABatch(Consumer):
    """A client that calls back while it gathers a batch, of which it has read some and returned none."""

    def subscribe(self, *topics: Any, **callbacks: Any) -> None:
        self._on_revoke = callbacks["on_revoke"]
        super().subscribe(*topics, **callbacks)

    def consume(self, num_messages: int = 1, timeout: float = -1) -> list[Message]:
        self._on_revoke(self, self.assignment())
        return super().consume(num_messages, timeout)


class ReadsAsItLeaves(Consumer):
    """A client that still reads records once it is told to leave, before it calls back."""

    arrive: ClassVar[Callable[[], None]]

    def unsubscribe(self) -> None:
        type(self).arrive()
        while self.poll(WITHIN) is None:
            pass
        super().unsubscribe()


@pytest.mark.parametrize("client", [RevokesAmidABatch, ReadsAsItLeaves])
async def test_read_and_not_handed_over(
    mock_world: MockWorld, ear: Ear, monkeypatch: pytest.MonkeyPatch, client: type[Consumer]
) -> None:
    """A record that the client had read as its partition was revoked is not passed over: the next owner's."""
    (at,) = mock_world.create(1)
    monkeypatch.setattr(group_member, "Consumer", client)
    source = await started(mock_world, ear, at)
    if client is RevokesAmidABatch:
        source.ask(100)
        mock_world.write(at, [b"0"])
        await until("revoked", lambda: "revoked" in ear.events)
        await source.stop()
    else:
        ReadsAsItLeaves.arrive = lambda: mock_world.write(at, [b"0"])
        await source.stop()
    assert "revoked" in ear.events
    assert not ear.gaps
    assert not ear.records


class CommitsAreNoted(Consumer):
    """A client that notes how it was asked to commit."""

    asked: ClassVar[list[dict[str, Any]]] = []

    def commit(self, *positions: Any, **how: Any) -> Any:
        self.asked.append(how)
        return super().commit(*positions, **how)


async def test_leaving_without_a_broker(
    mock_world: MockWorld, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leaving while the broker is away says that the last commit failed, and begins none: it would wait."""
    (at,) = mock_world.create(1)
    monkeypatch.setattr(offset_commits, "REACH_TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr(group_member, "Consumer", CommitsAreNoted)
    monkeypatch.setattr(CommitsAreNoted, "asked", [])
    source = await started(mock_world, ear, at)
    ear.last = {at: Position(1, MAP)}
    mock_world.cluster.down()
    await source.stop()
    assert ear.events == ["assigned", "revoked"]
    assert any("the last commit failed" in trouble for trouble in ear.troubles)
    assert not CommitsAreNoted.asked
    assert not ear.failures
    assert "kafka-consumer" not in [thread.name for thread in threading.enumerate()]
