"""`publish`: files whole or not at all, pipes up to the first bad line."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from schemas import decode, format_time
from tests.cli.invoke import NOBODY, kafka_env, publishing, run
from tests.support.broker import Broker
from tests.support.kafka import WITHIN, Names, create_topics, end_offsets, produce, read_all, wait_until


def event(name: str, **more: str) -> bytes:
    """One event as a line without its end."""
    fields = {"event_id": name, "click_id": f"click-{name}", "occurred_at": format_time(time.time()), **more}
    return json.dumps(fields).encode()


def values(bootstrap: str, topic: str) -> set[tuple[bytes | None, bytes | None]]:
    """The keys and values on a topic."""
    return {(record.key, record.value) for record in read_all(bootstrap, topic)}


@contextmanager
def piped(content: bytes) -> Iterator[str]:
    """A path that reads from a pipe."""
    reader, writer = os.pipe()
    try:
        os.write(writer, content)
        os.close(writer)
        yield f"/dev/fd/{reader}"
    finally:
        os.close(reader)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[bytes], str]:
    """Write a file, and return its path."""

    def written(content: bytes) -> str:
        path = tmp_path / "conversions.jsonl"
        path.write_bytes(content)
        return str(path)

    return written


@pytest.mark.kafka
def test_file(kafka: str, names: Names, write: Callable[[bytes], str]) -> None:
    """Each line's bytes are published as written, keyed by click id; blank lines and line ends are not."""
    create_topics(kafka, {names.topic: 3})
    lines = [event("1"), b"  " + event("2", extra="ü") + b" ", event("3")]
    path = write(lines[0] + b"\r\n\n \t\n" + lines[1] + b"\n" + lines[2])
    result = run("publish", path, env=kafka_env(kafka, names))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"published 3 events to {names.topic}\n"
    assert values(kafka, names.topic) == {
        (f"click-{number}".encode(), line) for number, line in enumerate(lines, 1)
    }


@pytest.mark.kafka
def test_bad_file(kafka: str, names: Names, write: Callable[[bytes], str]) -> None:
    """A file with a bad line publishes nothing; every bad line is told, by number and field: exit 1."""
    create_topics(kafka, {names.topic: 1})
    path = write(b"\n".join([event("1"), event("2", payout="1.999"), b"", b"{", event("3")]))
    result = run("publish", path, env=kafka_env(kafka, names))
    assert (result.exit_code, result.stdout) == (1, "")
    first, second, hint = result.stderr.splitlines()
    assert first.startswith(f"error: {path}, line 2: payout must be ")
    assert second.startswith(f"error: {path}, line 4: not strict JSON")
    assert hint == "hint: nothing was published"
    assert end_offsets(kafka, names.topic) == {0: 0}


@pytest.mark.kafka
@pytest.mark.parametrize("form", ["stdin", "pipe"])
def test_bad_pipe(kafka: str, names: Names, form: str) -> None:
    """Of a pipe, what comes before the first bad line is published and counted; then it is exit 1."""
    create_topics(kafka, {names.topic: 1})
    content = b"\n".join([event("1"), event("2"), b"[]", event("3")])
    with piped(content) as path:
        source = ("-", content) if form == "stdin" else (path, None)
        result = run("publish", source[0], env=kafka_env(kafka, names), given=source[1])
    assert (result.exit_code, result.stdout) == (1, f"published 2 events to {names.topic}\n")
    assert result.stderr.splitlines() == [
        "error: line 3: must be a JSON object",
        "error: not sent: what follows line 2",
    ]
    assert end_offsets(kafka, names.topic) == {0: 2}


@pytest.mark.kafka
def test_refused(kafka: str, names: Names, write: Callable[[bytes], str]) -> None:
    """What the broker refuses is not counted: exit 1, and the line that was refused is named."""
    create_topics(kafka, {names.topic: 1}, {"max.message.bytes": "1"})
    result = run("publish", write(event("1")), env=kafka_env(kafka, names))
    assert (result.exit_code, result.stdout) == (1, f"published 0 events to {names.topic}\n")
    assert result.stderr.startswith("error: line 1: ")


@pytest.mark.kafka
def test_no_topic(kafka: str, names: Names, write: Callable[[bytes], str]) -> None:
    """A source topic that does not exist is exit 1, and it is not created."""
    result = run("publish", write(event("1")), env=kafka_env(kafka, names))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: topic {names.topic} does not exist\n")
    assert names.topic not in AdminClient({"bootstrap.servers": kafka}).list_topics(timeout=WITHIN).topics


@pytest.mark.kafka
def test_examples(kafka: str, names: Names, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`examples` is a handful of made-up conversions, unless there is a file of that name."""
    create_topics(kafka, {names.topic: 1})
    monkeypatch.chdir(tmp_path)
    env = kafka_env(kafka, names)
    assert run("publish", "examples", env=env).stdout == f"published 7 events to {names.topic}\n"
    (tmp_path / "examples").write_bytes(event("1"))
    assert run("publish", "examples", env=env).stdout == f"published 1 event to {names.topic}\n"


def test_no_broker(names: Names, write: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that can't be reached is exit 1 and one line that says why."""
    monkeypatch.setattr("worker.ops.broker.TIMEOUT_SECONDS", 1.0)
    result = run("publish", write(event("1")), env=kafka_env(NOBODY, names))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: {NOBODY} does not answer: ")


def test_dry_run(write: Callable[[bytes], str]) -> None:
    """`--dry-run` prints the events as they would be sent, says where to, and asks no broker."""
    result = run("publish", "--dry-run", write(event("1") + b"\n\n" + event("2")))
    assert result.exit_code == 0
    assert result.stderr == "line 1: to momentscience\nline 3: to momentscience\n"
    assert [decode(line.encode(), now=time.time()).event_id for line in result.stdout.splitlines()] == [
        "1",
        "2",
    ]


def test_dry_run_of_bad_pipe() -> None:
    """`--dry-run` of a pipe prints up to the first bad line, which is exit 1."""
    result = run("publish", "--dry-run", "-", given=event("1") + b"\n\xff\n" + event("2"))
    assert (result.exit_code, result.stdout.count("\n")) == (1, 1)
    assert result.stderr.splitlines()[1].startswith("error: line 2: not strict JSON in UTF-8: ")


def test_what_nobody_could_send(write: Callable[[bytes], str]) -> None:
    """An event that no template could be filled from is refused, with its line; nothing is published."""
    value = json.dumps({**json.loads(event("2")), "event": "purchase"}).encode()
    result = run("publish", write(event("1") + b"\n" + value))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "line 2: no destination could send it: momentscience: " in result.stderr
    assert "{payout}" in result.stderr


def test_many_bad_lines(write: Callable[[bytes], str]) -> None:
    """Of many bad lines the first twenty are told, and the rest counted."""
    result = run("publish", write(b"x\n" * 25))
    *errors, rest, hint = result.stderr.splitlines()
    assert (result.exit_code, len(errors), rest) == (1, 20, "error: 5 more bad lines")
    assert hint == "hint: nothing was published"


@pytest.mark.parametrize("file", ["missing.jsonl", "."])
def test_unreadable(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that can't be read is wrong usage: exit 2."""
    monkeypatch.chdir(tmp_path)
    result = run("publish", file)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: can't read {file}: ")


@pytest.mark.kafka
def test_batches_fit(kafka: str, names: Names, write: Callable[[bytes], str]) -> None:
    """A topic that takes no large batch gets every line that fits; one that does not fit is told."""
    create_topics(kafka, {names.topic: 1}, {"max.message.bytes": "2000"})
    # Uncompressed, so that a batch is as large as it looks.
    env = kafka_env(kafka, names, POSTBACK_KAFKA__PROPERTIES__COMPRESSION_TYPE="none")
    path = write(b"\n".join(event(str(number)) for number in range(500)))
    result = run("publish", path, env=env)
    assert (result.exit_code, result.stderr) == (0, "")
    assert end_offsets(kafka, names.topic) == {0: 500}
    refused = run("publish", write(event("1", note=random.Random(1).randbytes(3000).hex())), env=env)
    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"error: line 1: {names.topic} refuses a record of 61")
    assert "max.message.bytes, 2000;" in refused.stderr


@pytest.mark.kafka
@pytest.mark.process
@pytest.mark.usefixtures("heeds_interrupts")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted(kafka: str, names: Names, number: signal.Signals) -> None:
    """A signal while it waits for more lines: what was acknowledged is counted, and it is exit 1."""
    create_topics(kafka, {names.topic: 1})
    with publishing(kafka_env(kafka, names), "publish", "-") as process:
        assert process.stdin is not None
        process.stdin.write(event("1") + b"\n")
        process.stdin.flush()
        wait_until("the event is there", lambda: end_offsets(kafka, names.topic) == {0: 1})
        process.send_signal(number)
        out, err = process.communicate(timeout=WITHIN)
    assert (process.returncode, out.decode()) == (1, f"published 1 event to {names.topic}\n")
    assert err.decode() == "error: not sent: what follows line 1\nerror: interrupted\n"


@pytest.mark.kafka
@pytest.mark.process
@pytest.mark.usefixtures("heeds_interrupts")
def test_a_broker_that_stands_still(names: Names) -> None:
    """A broker that stands still is waited for and that is said; a signal then tells which are unknown."""
    with Broker() as broker:
        create_topics(broker.bootstrap, {names.topic: 1})
        with publishing(kafka_env(broker.bootstrap, names), "publish", "-") as process:
            assert process.stdin is not None
            assert process.stderr is not None
            process.stdin.write(event("1") + b"\n")
            process.stdin.flush()
            wait_until("the event is there", lambda: end_offsets(broker.bootstrap, names.topic) == {0: 1})
            produce(broker.bootstrap, names.topic, [b"after it"])  # so its acknowledgement is out
            broker.pause()
            process.stdin.write(b"\n".join(event(str(number)) for number in range(2, 5)) + b"\n")
            process.stdin.close()
            assert process.stderr.readline().startswith(b"waiting for the broker: ")
            process.send_signal(signal.SIGTERM)
            assert process.wait(WITHIN) == 1
            out, err = process.stdout.read() if process.stdout else b"", process.stderr.read()
    assert out.decode() == f"published 1 event to {names.topic}\n"
    assert err.decode().splitlines() == [
        f"error: unknown: 3 events, which may be on {names.topic} or not: line 2-4",
        "error: not sent: what follows line 4",
        "error: interrupted",
    ]


@pytest.mark.kafka
@pytest.mark.process
def test_a_broker_that_goes_on(names: Names) -> None:
    """A broker that stood still and goes on has got each event once, and all are counted."""
    with Broker() as broker:
        create_topics(broker.bootstrap, {names.topic: 1})
        env = kafka_env(broker.bootstrap, names)
        with publishing(env, "publish", "-") as process:
            assert process.stdin is not None
            assert process.stderr is not None
            process.stdin.write(event("1") + b"\n")
            process.stdin.flush()
            wait_until("the event is there", lambda: end_offsets(broker.bootstrap, names.topic) == {0: 1})
            produce(broker.bootstrap, names.topic, [b"after it"])  # so its acknowledgement is out
            broker.pause()
            process.stdin.write(event("2") + b"\n")
            process.stdin.close()
            assert process.stderr.readline().startswith(b"waiting for the broker: ")
            broker.resume()
            assert process.wait(WITHIN) == 0
            assert process.stdout is not None
            assert process.stdout.read().decode() == f"published 2 events to {names.topic}\n"
        assert end_offsets(broker.bootstrap, names.topic) == {0: 3}
