"""`publish`: CSV, what is skipped, and a file that was broken off."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from schemas import format_time
from tests.cli.invoke import kafka_env, publishing, run
from tests.support.broker import Broker
from tests.support.kafka import Names, create_topics, end_offsets, read_all, wait_until
from worker.ops import publishing as publishing_of
from worker.ops.hearing import UNHEARD
from worker.ops.plan_lease import PlanLease
from worker.ops.plan_store import PlanStore
from worker.ops.published_files import KIND, FileState, PublishedFiles
from worker.ops.publishing import PublishResult
from worker.settings import load

NOW = time.time()
WITHIN = 60.0  # seconds, for each run


def event(name: str, **more: str) -> bytes:
    """One event as a line without its end."""
    fields = {"event_id": name, "click_id": f"click-{name}", "occurred_at": format_time(NOW), **more}
    return json.dumps(fields).encode()


@pytest.mark.kafka
def test_csv(kafka: str, names: Names, tmp_path: Path) -> None:
    """A file of CSV is published as events, by its name or by --format."""
    create_topics(kafka, {names.topic: 1})
    env = kafka_env(kafka, names)
    text = f"event_id,click_id,occurred_at,attributes.site\ne-1,c-1,{format_time(NOW)},shop\n"
    (tmp_path / "a.csv").write_text(text)
    assert run("publish", str(tmp_path / "a.csv"), env=env).stdout == f"published 1 event to {names.topic}\n"
    given = text.replace("e-1", "e-2").encode()
    assert run("publish", "--format", "csv", "-", env=env, given=given).exit_code == 0
    first, second = (json.loads(record.value or b"") for record in read_all(kafka, names.topic))
    assert (first["event_id"], second["event_id"]) == ("e-1", "e-2")
    assert first["attributes"] == {"site": "shop"}


@pytest.mark.kafka
def test_skip_invalid(kafka: str, names: Names, tmp_path: Path) -> None:
    """With --skip-invalid what is right is published; the rest is in a file, with line, reason and text."""
    create_topics(kafka, {names.topic: 1})
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"\n".join([event("1"), b"[]", b"\xff", event("2", payout="x"), event("3")]))
    result = run("publish", "--skip-invalid", str(file), env=kafka_env(kafka, names))
    assert (result.exit_code, result.stdout) == (0, f"published 2 events to {names.topic}\n")
    assert result.stderr == f"skipped: 3 lines, written to {file}.skipped.jsonl\n"
    rows = [json.loads(line) for line in Path(f"{file}.skipped.jsonl").read_text("utf-8").splitlines()]
    assert [(row["line"], row["text"][:5]) for row in rows] == [(2, "[]"), (3, "\\xff"), (4, '{"eve')]
    assert rows[0]["reason"] == "must be a JSON object"
    assert rows[2]["reason"].startswith("payout must be ")


@pytest.mark.kafka
def test_skip_invalid_of_a_pipe(kafka: str, names: Names, tmp_path: Path) -> None:
    """Of a pipe bad lines are skipped, too; the file of them has the name that it is given."""
    create_topics(kafka, {names.topic: 1})
    skipped = tmp_path / "bad.jsonl"
    arguments = ("publish", "--skip-invalid", "--skipped", str(skipped), "-")
    given = b"\n".join([event("1"), b"[]", event("2")])
    result = run(*arguments, env=kafka_env(kafka, names), given=given)
    assert (result.exit_code, result.stdout) == (0, f"published 2 events to {names.topic}\n")
    assert [json.loads(line)["line"] for line in skipped.read_text("utf-8").splitlines()] == [2]


def test_what_is_skipped_of_a_dry_run(tmp_path: Path) -> None:
    """A dry run skips, too, and tells where it wrote what."""
    file = tmp_path / "a.csv"
    file.write_text(f"event_id,click_id,occurred_at\ne-1,c-1,{format_time(NOW)}\ne-2,c-2\n")
    result = run("publish", "--skip-invalid", "--dry-run", str(file))
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 1)
    assert result.stderr.splitlines()[-1] == f"skipped: 1 line, written to {file}.skipped.jsonl"
    assert json.loads(Path(f"{file}.skipped.jsonl").read_text("utf-8"))["text"] == "e-2,c-2"


def test_what_is_skipped_of_a_pipe_in_a_dry_run(tmp_path: Path) -> None:
    """A dry run of a pipe writes what it skips, as that of a file does."""
    skipped = tmp_path / "bad.jsonl"
    arguments = ("publish", "--skip-invalid", "--skipped", str(skipped), "--dry-run", "-")
    result = run(*arguments, given=b"\n".join([event("1"), b"[]"]))
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 1)
    assert result.stderr.splitlines()[-1] == f"skipped: 1 line, written to {skipped}"
    assert json.loads(skipped.read_text("utf-8"))["line"] == 2


def test_what_is_skipped_follows_what_was_of_pipes(tmp_path: Path) -> None:
    """What is skipped of a pipe is added to what earlier runs skipped; of a file it is written anew."""
    skipped, file = tmp_path / "bad.jsonl", tmp_path / "a.jsonl"
    arguments = ("publish", "--skip-invalid", "--skipped", str(skipped), "--dry-run")
    file.write_bytes(b"[4]\n")
    texts = []
    for given, name in ((b"[1]\n[2]\n", "-"), (b"[3]\n", "-"), (b"", str(file)), (b"", str(file))):
        run(*arguments, name, given=given)
        texts.append([json.loads(line)["text"] for line in skipped.read_text("utf-8").splitlines()])
    assert texts == [["[1]", "[2]"], ["[1]", "[2]", "[3]"], ["[4]"], ["[4]"]]


def test_no_room_for_what_is_skipped(tmp_path: Path) -> None:
    """On a full disk nothing is published, and one line says why: no line is skipped that is not kept."""
    file = tmp_path / "a.jsonl"
    file.write_bytes(event("1") + b"\n[]\n")
    result = run("publish", "--skip-invalid", "--skipped", "/dev/full", str(file))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "error: can't write what is skipped to /dev/full: No space left on device\n"


def test_not_over_itself(tmp_path: Path) -> None:
    """What is skipped is not written over the file that is read."""
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"[]\n")
    result = run("publish", "--skip-invalid", "--skipped", f"{tmp_path}/./a.jsonl", str(file))
    assert (result.exit_code, file.read_bytes()) == (2, b"[]\n")
    assert f"--skipped is {file} itself, which is being published" in result.stderr


def test_where_it_can_not_be_written(tmp_path: Path) -> None:
    """Where what is skipped can't be written nothing is published."""
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"[]\n")
    result = run("publish", "--skip-invalid", "--skipped", str(tmp_path), str(file))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: can't write what is skipped to {tmp_path}: ")
    assert run("publish", "--skipped", "x", str(file)).exit_code == 2


@pytest.mark.kafka
def test_once(kafka: str, names: Names, tmp_path: Path) -> None:
    """A file of which all is published is published again with --again alone, whatever its name."""
    create_topics(kafka, {names.topic: 1})
    env = kafka_env(kafka, names)
    file, other = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    file.write_bytes(event("1") + b"\n" + event("1") + b"\n")
    other.write_bytes(file.read_bytes())
    assert run("publish", str(file), env=env).stdout == f"published 2 events to {names.topic}\n"
    second = run("publish", str(other), env=env)
    assert (second.exit_code, second.stdout) == (0, f"published 0 events to {names.topic}\n")
    assert second.stderr.startswith("hint: all of it was published at ")
    assert run("publish", "--again", str(file), env=env).stdout == f"published 2 events to {names.topic}\n"
    assert end_offsets(kafka, names.topic) == {0: 4}


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("after", "code", "published"),
    [
        ([event("1"), event("2"), event("3")], 0, 2),
        ([event("1")], 1, 1),
        ([event("4"), event("2")], 1, 2),
    ],
    ids=["appended to", "cut", "written anew"],
)
def test_a_file_that_changes(
    kafka: str,
    names: Names,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    after: list[bytes],
    code: int,
    published: int,
) -> None:
    """What comes to a file once it is checked is not published; a changed one does not pass for done."""
    create_topics(kafka, {names.topic: 1})
    file, env, known = tmp_path / "a.jsonl", kafka_env(kafka, names), PublishedFiles.known
    before = event("1") + b"\n" + event("2") + b"\n"
    file.write_bytes(before)

    def change(self: PublishedFiles, *of: Any, **how: Any) -> FileState:
        file.write_bytes(b"\n".join(after) + b"\n")
        return known(self, *of, **how)

    with monkeypatch.context() as changing:
        changing.setattr(PublishedFiles, "known", change)
        result = run("publish", str(file), env=env)
    assert (result.exit_code, end_offsets(kafka, names.topic)) == (code, {0: published}), result.stderr
    assert ("the file was changed while it was published" in result.stderr) == bool(code)
    file.write_bytes(before)
    assert run("publish", str(file), env=env).exit_code == 0
    there = [record.value for record in read_all(kafka, names.topic)]
    assert [there.count(event(name)) for name in ("1", "2")] == [1, 1]


@pytest.mark.kafka
@pytest.mark.process
@pytest.mark.usefixtures("heeds_interrupts")
def test_broken_off(names: Names, tmp_path: Path) -> None:
    """A file that is broken off by Ctrl-C and a kill goes on: each line is there as often as in the file."""
    lines = [event(str(number % 11_000), note="x" * 200) for number in range(12_000)]
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"\n".join(lines))
    with Broker() as broker:
        create_topics(broker.bootstrap, {names.topic: 2, names.control: 1})
        env = kafka_env(broker.bootstrap, names)

        def there() -> int:
            return sum(end_offsets(broker.bootstrap, names.topic).values())

        for share, number in ((0.0, signal.SIGINT), (0.4, signal.SIGKILL)):
            with publishing(env, "publish", str(file)) as process:
                wait_until("some are there", lambda share=share: there() > share * len(lines))  # type: ignore[misc]
                broker.pause()
                process.send_signal(number)
                if number == signal.SIGINT:
                    process.wait(60)
                else:
                    process.kill()
                broker.resume()
        last = run("publish", str(file), env=env)
        assert last.exit_code == 0, last.stderr
        found = Counter(record.value for record in read_all(broker.bootstrap, names.topic))
        assert found == Counter(lines)
        assert run("publish", str(file), env=env).stdout == f"published 0 events to {names.topic}\n"


@pytest.mark.kafka
@pytest.mark.usefixtures("heeds_interrupts")
def test_a_late_interrupt(kafka: str, names: Names, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C just when all is sent ends the command before it writes that, which may have to wait."""
    create_topics(kafka, {names.topic: 1, names.control: 1})
    file, env = tmp_path / "a.jsonl", kafka_env(kafka, names)
    file.write_bytes(b"\n".join(event(str(number)) for number in range(3)))
    deliver = publishing_of.deliver

    def interrupted(*given: Any) -> PublishResult:
        result = deliver(*given)
        os.kill(os.getpid(), signal.SIGINT)
        return result

    with monkeypatch.context() as patch:
        patch.setattr(publishing_of, "deliver", interrupted)
        ended = run("publish", str(file), env=env)
    assert ended.exit_code != 0
    assert ended.stdout == f"published 3 events to {names.topic}\n"
    (plan,) = PlanStore(load(environ=env, dotenv=tmp_path), KIND, UNHEARD).plans()
    assert not plan.is_done
    assert run("publish", str(file), env=env).stdout == f"published 0 events to {names.topic}\n"


@pytest.mark.kafka
@pytest.mark.process
@pytest.mark.usefixtures("heeds_interrupts")
def test_two_at_once(kafka: str, names: Names, tmp_path: Path) -> None:
    """Of two that publish a file at once one does it: each line is there as often as in the file."""
    create_topics(kafka, {names.topic: 2, names.control: 1})
    env = kafka_env(kafka, names)
    lines = [event(str(number % 490)) for number in range(500)]
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"\n".join(lines))
    with publishing(env, "publish", str(file)) as one, publishing(env, "publish", str(file)) as other:
        codes = sorted(process.wait(WITHIN) for process in (one, other))
        told = [process.stderr.read() for process in (one, other) if process.stderr is not None]
    assert Counter(record.value for record in read_all(kafka, names.topic)) == Counter(lines), told
    assert codes[0] == 0
    assert run("publish", str(file), env=env).stdout == f"published 0 events to {names.topic}\n"


@pytest.mark.kafka
def test_while_another_is_at_it(kafka: str, names: Names, tmp_path: Path) -> None:
    """While one publishes a file no other does, with --again neither; it says so, and is not waited for."""
    create_topics(kafka, {names.topic: 1, names.control: 1})
    env = kafka_env(kafka, names)
    file = tmp_path / "a.jsonl"
    file.write_bytes(event("1"))
    first = run("publish", str(file), env=env)
    assert first.exit_code == 0, first.stderr
    control = PlanStore(load(environ=env, dotenv=tmp_path), KIND, UNHEARD)
    (plan,) = control.plans()
    control.write(plan._replace(is_done=False))
    with PlanLease(control, plan.key):
        for again in ((), ("--again",)):
            refused = run("publish", *again, str(file), env=env)
            assert (refused.exit_code, refused.stdout) == (1, "")
            assert "error: this file is being published by another command\n" in refused.stderr
    assert end_offsets(kafka, names.topic) == {0: 1}
    assert run("publish", str(file), env=env).stdout == f"published 0 events to {names.topic}\n"
