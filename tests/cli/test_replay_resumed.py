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
        pytest.param(10_000, 700, LONG, marks=[pytest.mark.long, pytest.mark.timeout(600)]),
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


def test_the_source_has_another_name(kafka: str, names: Names) -> None:
    """What was sent to a former source is not sent to the present one; the rest is, once."""
    create_topics(kafka, {names.topic: PARTITIONS, f"{names.topic}-2": PARTITIONS, names.dlq: 3})
    produce(kafka, names.dlq, letters(names.topic, 900))
    env = kafka_env(kafka, names)
    command = ("dlq", "replay", "--reason", "exhausted", "--yes")
    with publishing(env, *command, "--rate", "100") as process:
        wait_until("some are there", lambda: sum(end_offsets(kafka, names.topic).values()) > 9, WITHIN)
        process.kill()
        process.wait(WITHIN)
    last = run(*command, env={**env, "POSTBACK_KAFKA__TOPIC": f"{names.topic}-2"})
    assert last.exit_code == 0, last.stderr
    before, after = (read_all(kafka, topic) for topic in (names.topic, f"{names.topic}-2"))
    assert 0 < len(before) < 900
    assert Counter(one.key for one in [*before, *after]) == {f"c-{at}".encode(): 1 for at in range(900)}


def test_purged_meanwhile(kafka: str, names: Names) -> None:
    """A replay whose letters are purged amid it says what it did not send; then, that they are gone."""
    create_topics(kafka, {names.topic: PARTITIONS, names.dlq: 3})
    produce(kafka, names.dlq, letters(names.topic, 9000))
    env = kafka_env(kafka, names)
    command = ("dlq", "replay", "--reason", "exhausted", "--yes")
    with publishing(env, *command, "--rate", "300") as process:
        wait_until("some are there", lambda: sum(end_offsets(kafka, names.topic).values()) > 9, WITHIN)
        assert run("dlq", "purge", "--before", "0s", "--yes", env=env).exit_code == 0
        said = process.communicate(timeout=WITHIN)[1]
    assert (process.returncode, b"error: not sent: " in said) == (1, True)
    again = run(*command, env=env)
    assert again.stdout == "replayed nothing\n"
    assert "goes on with a replay of 9000: 0 of them are there; 9000 are no dead letters" in again.stderr


@pytest.mark.parametrize("filters", [("--reason", "exhausted"), ("--status", "503")])
def test_two_at_once(kafka: str, names: Names, filters: tuple[str, str]) -> None:
    """Two replays of the same letters that begin at once send each letter once, whatever words they use."""
    create_topics(kafka, {names.topic: PARTITIONS, names.dlq: 3})
    produce(kafka, names.dlq, letters(names.topic, 400))
    env = kafka_env(kafka, names)
    with (
        publishing(env, "dlq", "replay", "--reason", "exhausted", "--yes", "--rate", "40") as one,
        publishing(env, "dlq", "replay", *filters, "--yes", "--rate", "40") as other,
    ):
        codes = sorted(process.wait(WITHIN) for process in (one, other))
    assert codes[0] == 0
    again = run("dlq", "replay", "--status", "503", "--yes", env=env)
    assert (again.exit_code, again.stdout) == (0, "replayed nothing\n"), again.stderr
    found = Counter(record.key for record in read_all(kafka, names.topic))
    assert found == {f"c-{at}".encode(): 1 for at in range(400)}


@pytest.mark.long
def test_one_that_stood_still(kafka: str, names: Names) -> None:
    """A replay that stood still while another took its place sends nothing more when it goes on."""
    create_topics(kafka, {names.topic: PARTITIONS, names.dlq: 3})
    produce(kafka, names.dlq, letters(names.topic, 600))
    env = kafka_env(kafka, names)
    command = ("dlq", "replay", "--reason", "exhausted", "--yes", "--rate", "30")
    with publishing(env, *command) as first:
        wait_until("some are there", lambda: sum(end_offsets(kafka, names.topic).values()) > 30, WITHIN)
        first.send_signal(signal.SIGSTOP)
        second = run("dlq", "replay", "--reason", "exhausted", "--yes", env=env)
        first.send_signal(signal.SIGCONT)
        assert (second.exit_code, first.wait(WITHIN)) == (0, 1), second.stderr
        assert first.stderr is not None
        assert b"another command has taken this up meanwhile" in first.stderr.read()
    found = Counter(record.key for record in read_all(kafka, names.topic))
    assert found == {f"c-{at}".encode(): 1 for at in range(600)}
