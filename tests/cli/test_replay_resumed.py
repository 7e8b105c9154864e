"""`dlq replay`, broken off: run again, it goes on, and each conversion is at the source once."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from schemas import DeadReason, WorkerHeaders, format_time
from tests.cli.invoke import kafka_env, publishing, run
from tests.support.broker import Broker
from tests.support.kafka import Names, Write, create_topics, end_offsets, produce, read_all, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.process, pytest.mark.usefixtures("heeds_interrupts")]

PARTITIONS = 4
WITHIN = 120.0  # seconds, for each run

Deed = Callable[[Broker, "subprocess.Popen[bytes]"], None]


def interrupt(_: Broker, process: subprocess.Popen[bytes]) -> None:
    """Press Ctrl-C."""
    process.send_signal(signal.SIGINT)


def kill(_: Broker, process: subprocess.Popen[bytes]) -> None:
    """End it at once."""
    process.kill()


def kill_while_the_broker_stands(broker: Broker, process: subprocess.Popen[bytes]) -> None:
    """End it while what it sent lies at a broker that has not looked at it."""
    broker.pause()
    time.sleep(1.0)
    process.kill()
    process.wait(WITHIN)
    broker.resume()


def stop_the_broker(seconds: float) -> Deed:
    """Have the broker stand still for a while."""

    def deed(broker: Broker, _: subprocess.Popen[bytes]) -> None:
        broker.pause()
        time.sleep(seconds)
        broker.resume()

    return deed


SHORT: Sequence[Deed] = (interrupt, kill, kill_while_the_broker_stands, stop_the_broker(5))
LONG: Sequence[Deed] = (interrupt, kill, stop_the_broker(42), interrupt, kill_while_the_broker_stands, kill)


def letters(topic: str, count: int) -> list[Write]:
    """So many dead letters, each from another partition than its key says."""
    now = time.time()
    writes = []
    for number in range(count):
        origin = f"{topic}/{number % PARTITIONS}/{number}"
        headers = WorkerHeaders(
            attempts=12, reason=DeadReason.EXHAUSTED, status=503, dead_at=now, origin=origin
        )
        fields = {"event_id": f"e-{number}", "click_id": f"c-{number}", "occurred_at": format_time(now)}
        value = json.dumps(fields).encode()
        writes.append(Write(value, f"c-{number}".encode(), tuple(headers.write()), number % 3))
    return writes


@pytest.mark.parametrize(
    ("count", "rate", "deeds"),
    [
        (1200, 300, SHORT),
        pytest.param(10_000, 700, LONG, marks=pytest.mark.long),
    ],
)
def test_each_once(names: Names, count: int, rate: int, deeds: Sequence[Deed]) -> None:
    """Whatever breaks it off, each conversion comes to the partition of its origin once; then none goes."""
    with Broker() as broker:
        create_topics(broker.bootstrap, {names.topic: PARTITIONS, names.dlq: 3})
        produce(broker.bootstrap, names.dlq, letters(names.topic, count))
        env = kafka_env(broker.bootstrap, names)

        def there() -> int:
            return sum(end_offsets(broker.bootstrap, names.topic).values())

        command = ("dlq", "replay", "--reason", "exhausted", "--yes", "--rate", str(rate))
        for number, deed in enumerate(deeds, 1):
            with publishing(env, *command) as process:
                due = min(number * count // (len(deeds) + 2), count - 1)
                wait_until(f"{due} are there", lambda due=due: there() > due, WITHIN)  # type: ignore[misc]
                deed(broker, process)
                process.wait(WITHIN)
        last = run("dlq", "replay", "--reason", "exhausted", "--yes", env=env)
        assert last.exit_code == 0, last.stderr
        found = read_all(broker.bootstrap, names.topic)
        assert Counter(record.key for record in found) == {f"c-{at}".encode(): 1 for at in range(count)}
        wrong = [
            one for one in found if int((one.key or b"").partition(b"-")[2]) % PARTITIONS != one.partition
        ]
        assert wrong == []
        again = run("dlq", "replay", "--reason", "exhausted", "--yes", env=env)
        assert (again.exit_code, again.stdout, there()) == (0, "replayed nothing\n", count)
        assert again.stderr.startswith(f"left out: {count} dead letters that went before")
