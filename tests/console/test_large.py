"""A console of a million steps and 200,000 dead letters shows at once, finds soon and stays small."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from schemas import DeadReason, WorkerHeaders, format_time
from tests.console.topics import PARTITIONS, make_topics, value
from tests.support.kafka import Names

pytestmark = [pytest.mark.kafka, pytest.mark.long, pytest.mark.timeout(1500)]

STEPS, LETTERS = 1_000_000, 200_000
MOST_MB = 200
SECONDS_OF_HOUR = 2000.0

Message = tuple[int, bytes | None, bytes, list[tuple[str, str | bytes | None]], int]


def steps(now: float) -> Iterator[Message]:
    """A million steps, evenly over most of an hour: one in ten is a failure."""
    for n in range(STEPS):
        at = now - SECONDS_OF_HOUR * (1 - n / STEPS)
        is_failure = n % 10 == 0
        ids = f'"event_id":"e-{n}","click_id":"c-{n}","order_id":"o-{n}","event":"purchase","payout":"49.99"'
        answer = '"attempt":1,"status":500,"ms":41' if is_failure else '"attempt":1,"status":200,"ms":23'
        url = (
            f'"url":"https://track.example/postback?measurement=1&click_id=c-{n}&event=purchase&payout=49.99"'
        )
        rest = ',"reason":"status","error":"HTTP 500","due_at":"x","tier":"10m"' if is_failure else ""
        kind = "retry" if is_failure else "delivered"
        text = (
            f'{{"at":"{format_time(at)}","step":"{kind}",{ids},"currency":"USD",{answer},{url}{rest},'
            f'"origin":"conversions/{n % PARTITIONS}/{n // PARTITIONS}","worker":"worker-1"}}'
        )
        yield n % PARTITIONS, f"e-{n}".encode(), text.encode(), [], int(at * 1000)


def letters(now: float) -> Iterator[Message]:
    """Dead letters of three reasons and a few errors."""
    reasons = ((DeadReason.REJECTED, 404), (DeadReason.EXHAUSTED, 503), (DeadReason.EXPIRED, None))
    for n in range(LETTERS):
        reason, status = reasons[n % 3]
        at = now - 86_400.0 * (1 - n / LETTERS)
        told = WorkerHeaders(
            attempts=12,
            first_attempt_at=at - 60,
            origin=f"conversions/{n % PARTITIONS}/{n // PARTITIONS}",
            reason=reason,
            status=status,
            error=f"HTTP {status}" if status else "the window of 30d has closed",
            dead_at=at,
        )
        whole = value(
            f"d-{n}", event="purchase", payout="49.99", offer_id=str(n % 50), network="momentscience"
        )
        yield n % PARTITIONS, f"click-d-{n}".encode(), whole, [*told.write()], int(at * 1000)


def fill(bootstrap: str, topic: str, messages: Iterator[Message]) -> None:
    """Write very many records, fast."""
    settings = {"bootstrap.servers": bootstrap, "linger.ms": 50, "compression.type": "lz4"}
    producer = Producer({**settings, "queue.buffering.max.messages": 200_000})
    for partition, key, text, headers, at in messages:
        while True:
            try:
                producer.produce(topic, text, key, partition, headers=headers, timestamp=at)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    assert producer.flush(120) == 0


def test_very_much(kafka: str, names: Names) -> None:
    """All is read, rows and lives are found, and memory stays bounded; what it took is printed."""
    make_topics(kafka, names)
    now = time.time()
    fill(kafka, names.dlq, letters(now))
    fill(kafka, names.journal, steps(now))
    command = [sys.executable, "-m", "tests.console.large", kafka, names.topic, names.group]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    print(json.dumps(told, indent=1))
    assert told["undelivered"] == LETTERS
    assert told["delivered"] == STEPS - STEPS // 10
    assert told["memory_most_mb"] <= MOST_MB
