"""`dlq replay --from` of letters that held no event: by hand each becomes one, and goes once."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from schemas import DeadReason, WorkerHeaders, format_time
from tests.cli.invoke import kafka_env, publishing, run
from tests.support.kafka import Names, Write, create_topics, end_offsets, produce, read_all, wait_until

pytestmark = pytest.mark.kafka

WITHIN = 60.0  # seconds, for each run
MANY = 60
"""So many that are replayed slowly are not all sent before that is broken off, on a slow machine either."""


def broken(value: bytes | None, click: str) -> Write:
    """A dead letter that holds no event."""
    headers = WorkerHeaders(attempts=0, reason=DeadReason.UNDECODABLE, dead_at=time.time())
    return Write(value, click.encode(), tuple(headers.write()))


def mended(exported: str) -> str:
    """The lines of an export, each with an event whose ids say where its letter lies."""
    lines = []
    for line in exported.splitlines():
        letter = json.loads(line)
        name = f"e-{letter['offset']}"
        event = {"event_id": name, "click_id": f"c-{name}", "occurred_at": format_time(time.time())}
        lines.append(json.dumps({**letter, "value": json.dumps(event)}))
    return "\n".join(lines)


def counted(kafka: str, names: Names) -> Counter[str]:
    """How often each event is on the source."""
    return Counter(json.loads(record.value or b"")["event_id"] for record in read_all(kafka, names.topic))


def exported_and_mended(env: dict[str, str], folder: Path) -> str:
    """The name of a file with all dead letters, mended."""
    file = folder / "mended.jsonl"
    file.write_text(mended(run("dlq", "export", env=env).stdout))
    return str(file)


def test_letters_of_the_same_bytes(kafka: str, names: Names, tmp_path: Path) -> None:
    """Letters of the same bytes that are mended into different events all go."""
    create_topics(kafka, {names.topic: 1, names.dlq: 1})
    env = kafka_env(kafka, names)
    produce(kafka, names.dlq, [broken(b"{}", "a"), broken(b"{}", "b"), broken(None, "c")])
    file = exported_and_mended(env, tmp_path)
    result = run("dlq", "replay", "--from", file, "--yes", env=env)
    assert result.stdout == f"replayed 3 dead letters to {names.topic}\n", result.stderr
    assert counted(kafka, names) == {"e-0": 1, "e-1": 1, "e-2": 1}


@pytest.mark.process
@pytest.mark.usefixtures("heeds_interrupts")
@pytest.mark.parametrize("is_same", [True, False])
def test_broken_off(kafka: str, names: Names, tmp_path: Path, is_same: bool) -> None:
    """What was mended and sent before a replay was broken off is not sent again, by no command."""
    create_topics(kafka, {names.topic: 1, names.dlq: 1})
    env = kafka_env(kafka, names)
    produce(kafka, names.dlq, [broken(b'{"event_id', f"c-e-{number}") for number in range(MANY)])
    file = exported_and_mended(env, tmp_path)
    with publishing(env, "dlq", "replay", "--from", file, "--yes", "--rate", "4") as process:
        wait_until("two are there", lambda: end_offsets(kafka, names.topic)[0] >= 2, WITHIN)
        process.send_signal(signal.SIGINT)
        assert process.wait(WITHIN) == 1
    if not is_same:
        text = Path(file).read_text()
        Path(file).write_text(text.replace("{", "{ ", 1))
    result = run("dlq", "replay", "--from", file, "--yes", env=env)
    assert result.exit_code == 0, result.stderr
    assert counted(kafka, names) == {f"e-{number}": 1 for number in range(MANY)}
