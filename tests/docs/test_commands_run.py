"""Every command that a page gives does run, as it is written, against a real Kafka that holds a little.

The rule: what a page leaves open (`EVENT_ID`, `FILE`) is filled in; what goes on until it is ended has tests
of its own (`run`, `demo`), and so have the recipes, which need each network's secrets.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas import DeadReason
from tests.cli.invoke import kafka_env, run
from tests.cli.test_replay import dead
from tests.docs.command_lines import block_commands, named_commands, parse, problem
from tests.docs.pages import PAGES
from tests.support.kafka import Names, create_topics, produce

GOES_ON = {"run", "demo", "console"}
LEFT_OPEN = {
    "EVENT_ID": "e-1",
    "ID": "offer-1",
    "NAME": "momentscience",
    "FILE": "conversions.jsonl",
    "TIME": "80d",
    "TEXT": "maintenance",
    "N": "60",
    "…": "exhausted",
}
TAKES = {
    "cancel": ("--offer-id", "offer-1"),
    "waiting now": ("--status", "404"),
    "waiting drop": ("--status", "404"),
    "dlq show": ("0/0",),
    "explain": ("e-1",),
}
"""What a command takes that a text names by its name alone."""
NO_COMMANDS = {("rate", "limited")}
"""A verdict of `status`, which reads like one."""

EVENT = '{"event_id":"e-1","click_id":"c-1","occurred_at":"2026-11-01T12:00:00Z"}\n'


def written() -> Iterator[tuple[str, ...]]:
    """Each command line of the pages, once, without what goes on."""
    found: dict[tuple[str, ...], None] = {}
    for page in PAGES:
        blocks = [words[1:] for words in block_commands(page) if words[0].endswith("postback-worker")]
        for words in [*named_commands(page), *blocks]:
            found.setdefault(tuple(words))
    for line in found:
        ends = line[0] not in GOES_ON and not {"--watch", "--config"} & set(line)
        if ends and line not in NO_COMMANDS and problem(line, complete=True) is None:
            yield (*(LEFT_OPEN.get(word, word) for word in line), *TAKES.get(" ".join(line), ()))


def agreed(line: tuple[str, ...]) -> tuple[str, ...]:
    """The line with `--yes`, where it asks: nobody is there to agree."""
    asks = any("--yes" in parameter.opts for parameter in parse(line).command.params)
    return (*line, "--yes") if asks else line


@pytest.fixture
def env(kafka: str, names: Names, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables for a Kafka with dead letters, and the files that pages name; nobody is the partner."""
    monkeypatch.chdir(tmp_path)
    create_topics(kafka, {names.topic: 2})
    env = kafka_env(
        kafka,
        names,
        POSTBACK_DESTINATION__SIMPLE_URL="http://127.0.0.1:1/p?click_id={click_id}",
        POSTBACK_DESTINATION__EVENT_URL="http://127.0.0.1:1/p?click_id={click_id}&event={event}&payout={payout}",
        POSTBACK_DESTINATION__ALLOW_PRIVATE_ADDRESSES="true",
    )
    assert run("topics", "create", env=env).exit_code == 0
    produce(kafka, names.dlq, [dead("e-1", 0), dead("e-2", 1, reason=DeadReason.INVALID, status=None)])
    for file in ("examples", "conversions.jsonl"):
        Path(file).write_text(EVENT, "utf-8")
    Path("bad.jsonl").write_text(run("dlq", "export", env=env).stdout, "utf-8")
    return env


@pytest.mark.kafka
def test_each_runs(env: dict[str, str]) -> None:
    """None is a wrong usage, and none ends with a traceback."""
    wrong = {}
    for line in written():
        result = run(*agreed(line), env=env)
        broke = result.exception is not None and not isinstance(result.exception, SystemExit)
        if result.exit_code not in {0, 1} or broke:
            wrong[" ".join(line)] = f"{result.exit_code}: {result.exception!r} {result.stderr}"
    assert wrong == {}, "\n".join(f"{line}: {why}" for line, why in wrong.items())


def test_there_are_many() -> None:
    """The pages name the commands that a person on call needs, each at least once."""
    lines = set(written())
    assert len(lines) > 30
    wanted = [
        ("status",),
        ("topics", "create"),
        ("dlq", "list"),
        ("dlq", "replay"),
        ("explain", "e-1"),
        ("pause",),
    ]
    assert lines >= set(wanted)
