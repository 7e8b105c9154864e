"""A blocking call is heard of on the loop, and waited for by nobody."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from confluent_kafka import Producer

from worker.adapters.kafka.errors import KafkaUnavailable
from worker.adapters.kafka.message_limits import TopicLimits
from worker.adapters.kafka.metadata import Topics
from worker.adapters.kafka.rights import SharedRights
from worker.adapters.own_thread import in_own_thread, in_time
from worker.core.rights import Resource, ResourceKind

NEVER_ANSWERED = """
import asyncio, threading
from worker.adapters.own_thread import in_own_thread

async def main():
    answer = in_own_thread("asking", threading.Event().wait)
    await asyncio.wait([answer], timeout=0.1)
    answer.cancel()

asyncio.run(main())
print("ended")
"""


async def test_what_it_returns() -> None:
    """The answer is what the call returned, and another thread made it."""
    assert await in_own_thread("asking", lambda: threading.current_thread().name) == "asking"


async def test_what_it_raises() -> None:
    """What the call raises reaches who asked."""
    with pytest.raises(ZeroDivisionError):
        await in_own_thread("asking", lambda: 1 // 0)


def no_thread(_thread: threading.Thread) -> None:
    """Fail as the system does when a process has too many threads."""
    raise RuntimeError("can't start new thread")


async def test_no_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks while the system gives no more threads is told so, by the kind of error that they ask for."""
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    with pytest.raises(OSError, match="can't start new thread: raise the limit"):
        await in_own_thread("asking", int)
    with pytest.raises(KafkaUnavailable, match="can't start new thread: raise the limit"):
        await in_own_thread("asking", int, KafkaUnavailable)


async def test_what_kafka_is_asked_without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked of Kafka now and then is unknown while there are no more threads; nothing breaks."""
    producer = Producer({"bootstrap.servers": "127.0.0.1:1", "log_level": 0})
    needed = {Resource(ResourceKind.TOPIC, "t"): frozenset({"READ"})}
    rights = SharedRights({"bootstrap.servers": "127.0.0.1:1", "log_level": 0}).watch(needed)
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    with pytest.raises(KafkaUnavailable, match="can't start new thread"):
        await Topics().missing(producer, ["t"], 0.0)
    await rights.look({})
    assert rights.lacking == {}
    assert await TopicLimits({}, ["t"]).of("t") is None


def test_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that may wait gets what the call returns or raises, and waits no longer than it is to."""
    assert in_time("asking", 60.0, lambda: threading.current_thread().name) == "asking"
    with pytest.raises(TimeoutError, match="of the call"):
        in_time("asking", 60.0, raise_timeout)
    may_end = threading.Event()
    with pytest.raises(OSError, match="no answer within 0 s"):
        in_time("asking", 0.01, may_end.wait)
    may_end.set()
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    with pytest.raises(OSError, match="can't start new thread: raise the limit"):
        in_time("asking", 60.0, int)


def raise_timeout() -> None:
    """Fail as a file system does."""
    raise TimeoutError("of the call")


async def test_given_up() -> None:
    """An answer that nobody wants any more harms nothing."""
    may_end = threading.Event()
    given_up, other = in_own_thread("asking", may_end.wait), in_own_thread("asking", may_end.wait)
    given_up.cancel()
    may_end.set()
    assert await other
    assert given_up.cancelled()


def test_never_answered() -> None:
    """A process ends though a call has not."""
    ran = subprocess.run(
        [sys.executable, "-c", NEVER_ANSWERED], capture_output=True, text=True, timeout=30, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "ended\n", "")
