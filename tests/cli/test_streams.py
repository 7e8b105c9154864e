"""The three standard streams of real processes: full, closed, or with nobody at the other end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.invoke import kafka_env
from tests.e2e.events import value
from tests.support.kafka import Names, create_topics, produce

pytestmark = pytest.mark.process

PROGRAM = f"{sys.executable} -m worker"
COMMANDS = [
    "--help",
    "--version",
    "config show",
    "config schema -o json",
    "schema event",
    "send --dry-run --click-id c-1",
    "publish --dry-run examples",
]
LETTERS = [
    "dlq list",
    "dlq list -o json",
    "dlq export",
    "dlq stats",
    "topics check",
    "waiting list",
    "explain e-2",
]
NO_ROOM = "error: can't write the result to stdout: No space left on device\n"
NOBODY = "127.0.0.1:1"
CLOSED = "error: can't write the result to stdout: it is closed\n"


def shell(line: str, at: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in an empty folder; a pipeline fails where any part of it does."""
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        env={**os.environ, **environ},
        cwd=at,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def without_routes(stderr: str) -> str:
    """What was said, but for where `publish --dry-run` says that events would go."""
    return "".join(line for line in stderr.splitlines(keepends=True) if not line.startswith("line "))


@pytest.fixture(scope="module")
def letters(kafka: str) -> dict[str, str]:
    """The variables for topics that hold a dead letter, and an event that nobody has read."""
    names = Names.fresh()
    own = dict.fromkeys([names.topic, names.dlq, names.tier("10s"), names.journal], 1)
    create_topics(kafka, own, {"retention.ms": "9999999"})
    produce(kafka, names.dlq, [value("e-1", "click-1")])
    produce(kafka, names.topic, [value("e-2", "click-2")])
    return kafka_env(kafka, names)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(("stdout", "says"), [(">/dev/full", NO_ROOM), (">&-", CLOSED)])
def test_no_room(tmp_path: Path, command: str, stdout: str, says: str) -> None:
    """A result that can't be written is one line on stderr and exit 1."""
    done = shell(f"{PROGRAM} {command} {stdout}", tmp_path)
    assert (done.returncode, without_routes(done.stderr)) == (1, says)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_reader_that_went(tmp_path: Path, command: str) -> None:
    """A reader that has had enough is exit 0, and nothing is said."""
    done = shell(f"{PROGRAM} {command} | :", tmp_path)
    assert (done.returncode, without_routes(done.stderr)) == (0, "")


@pytest.mark.kafka
@pytest.mark.parametrize("command", LETTERS)
@pytest.mark.parametrize(("stdout", "says"), [(">/dev/full", NO_ROOM), (">&-", CLOSED)])
def test_no_room_for_letters(
    letters: dict[str, str], tmp_path: Path, command: str, stdout: str, says: str
) -> None:
    """What is read from Kafka and can't be written is one line and exit 1 as well."""
    done = shell(f"{PROGRAM} {command} {stdout}", tmp_path, **letters)
    assert (done.returncode, done.stderr.splitlines()[-1] + "\n") == (1, says)
    assert "Traceback" not in done.stderr


@pytest.mark.kafka
@pytest.mark.parametrize("command", LETTERS)
def test_a_reader_of_letters_that_went(letters: dict[str, str], tmp_path: Path, command: str) -> None:
    """A reader of those that has had enough is exit 0 as well."""
    done = shell(f"{PROGRAM} {command} | :", tmp_path, **letters)
    assert done.returncode == 0
    assert "stdout" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_the_locale_can_not_write(tmp_path: Path, encoding: str) -> None:
    """What the encoding of stdout does not have is written as JSON escapes it, in a table and in JSON."""
    pattern = "é日😀"
    env = {"PYTHONIOENCODING": encoding, "POSTBACK_DESTINATION__REJECT_BODY": pattern}
    for output in ("table", "json"):
        done = subprocess.run(
            [sys.executable, "-m", "worker", "config", "show", "-o", output],
            env={**os.environ, **env},
            cwd=tmp_path,
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        if output == "json":
            shown = {row["variable"]: row["value"] for row in json.loads(done.stdout.decode(encoding))}
            assert shown["POSTBACK_DESTINATION__REJECT_BODY"] == pattern
        else:
            escaped = {"ascii": "\\u00e9\\u65e5\\ud83d\\ude00", "latin-1": "é\\u65e5\\ud83d\\ude00"}
            assert escaped.get(encoding, pattern) in done.stdout.decode(encoding)


def test_an_argument_that_is_no_text(tmp_path: Path) -> None:
    """An argument that is not UTF-8 is one line and exit 2, before all else; the name of a file may be."""
    for command in ("pause --because", "explain", "send --dry-run --click-id"):
        done = shell(f"{PROGRAM} {command} $'a\\xffb'", tmp_path, POSTBACK_KAFKA__BOOTSTRAP_SERVERS=NOBODY)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "error: not text in UTF-8: 'a\\xffb'\n"
    done = shell(f"printf '' >$'a\\xffb'; {PROGRAM} publish --dry-run $'a\\xffb'", tmp_path)
    assert (done.returncode, without_routes(done.stderr)) == (0, "")


def test_in_one_file(tmp_path: Path) -> None:
    """Where both streams go to one file, what was found first stands first."""
    done = shell(f"{PROGRAM} config check --online 2>&1", tmp_path, POSTBACK_KAFKA__BOOTSTRAP_SERVERS=NOBODY)
    first, *rest = done.stdout.splitlines()[-3:]
    assert first == "configuration is valid"
    assert [line.partition(":")[0] for line in rest] == ["error", "hint"]


def test_a_failure_before_it(tmp_path: Path) -> None:
    """A command that failed keeps its exit code where its reader has gone."""
    done = shell(f"{PROGRAM} --set x config show | :", tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 2)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", ">&- 2>&-", "<&- 2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(
    ("command", "code"),
    [("healthcheck", 1), ("--set x healthcheck", 2), ("send --click-id c-1", 1)],
)
def test_closed_descriptors(tmp_path: Path, closed: str, command: str, code: int) -> None:
    """With any of the descriptors 0 to 2 closed at the start the exit code is what it is with all open."""
    env = {
        "POSTBACK_HTTP__PORT": "1",
        "POSTBACK_DESTINATION__SIMPLE_URL": "http://127.0.0.1:1/?click_id={click_id}",
        "POSTBACK_DESTINATION__EVENT_URL": "http://127.0.0.1:1/?click_id={click_id}&event={event}",
        "POSTBACK_DESTINATION__ALLOW_PRIVATE_ADDRESSES": "true",
    }
    done = shell(f"{PROGRAM} {command} {closed}", tmp_path, **env)
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_a_closed_stdin(tmp_path: Path) -> None:
    """What is to be read from a closed stdin is one line and exit 1."""
    done = shell(f"{PROGRAM} publish --dry-run - <&-", tmp_path)
    assert (done.returncode, done.stderr) == (1, "error: line 1: can't be read: Bad file descriptor\n")


@pytest.mark.long
@pytest.mark.parametrize("stderr", ["2>/dev/full", "2>&-"])
def test_what_is_told_in_vain(tmp_path: Path, stderr: str) -> None:
    """Where nothing can be said the result is whole and the exit code right."""
    done = shell(f"{PROGRAM} demo --events 50 -o json {stderr}", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert '"not committed",\n    "records": 0' in done.stdout


@pytest.mark.parametrize(
    "closed",
    ["<&- >&- 2>&-", *(pytest.param(closed, marks=pytest.mark.long) for closed in ("<&- >&-", "<&-"))],
)
def test_a_demo_without_streams(tmp_path: Path, closed: str) -> None:
    """The whole worker ends well on uvloop where it was started without its streams."""
    done = shell(f"{PROGRAM} demo --events 20 {closed}", tmp_path)
    assert done.returncode == (0 if ">&-" not in closed else 1)
    assert "Traceback" not in done.stderr
