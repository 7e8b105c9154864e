"""The command line as a whole: help, versions, mistakes, exit codes, real processes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from worker.cli import COMMANDS, app

NOW = 1_800_000_000.0


@pytest.fixture(autouse=True)
def no_settings_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder: no `.env` is near."""
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(app, arguments)


def start(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m worker` as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "worker", *arguments],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_help_names_every_command() -> None:
    """`--help` names every command, once, with what it does."""
    lines = run("--help").stdout.splitlines()
    for name in COMMANDS:
        (line,) = [line for line in lines if line.lstrip("│ ").startswith(f"{name} ")]
        assert len(line.strip("│ ").split()) > 2


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help(name: str) -> None:
    """Each command has a help, by -h too."""
    assert run(name, "--help").exit_code == 0
    assert run(name, "-h").stdout == run(name, "--help").stdout


@pytest.mark.parametrize("command", ["demo", "publish", "send", "topics create", "dlq list", "dlq replay"])
def test_help_speaks_plainly(command: str) -> None:
    """What an option takes is a word, not the parser's name of a type and a formula."""
    shown = run(*command.split(), "--help").stdout
    assert "--" in shown
    assert not re.search(r"range\]?>|<int|<float|[<>]=", shown)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("demo --events 0", "'--events': 0 is not from 1 to 20000"),
        ("demo --failures 1.5", "'--failures': 1.5 is not from 0 to 1"),
        ("dlq list --status 7", "'--status': 7 is not from 100 to 999"),
        ("topics create --partitions 0", "'--partitions': 0 is not from 1 to 100000"),
        ("topics create --replication 9999999999", "'--replication': 9999999999 is not from 1 to 1000"),
        ("waiting list --limit -1", "'--limit': -1 is not 0 or more"),
    ],
)
def test_a_number_out_of_bounds(line: str, says: str) -> None:
    """A number that an option does not take is wrong usage, told with what would be right."""
    ran = run(*line.split())
    assert ran.exit_code == 2
    assert f"error: Invalid value for {says}" in ran.stderr


@pytest.mark.parametrize(
    ("line", "option"),
    [
        ("cancel --offer-id 7 list", "--offer-id"),
        ("cancel --for 2h end x", "--for"),
        ("cancel --yes list", "--yes"),
        ("destinations -o json show momentscience", "--output"),
    ],
)
def test_an_option_before_a_subcommand(line: str, option: str) -> None:
    """What a subcommand would not hear is wrong usage, and not passed over."""
    ran = run(*line.split())
    assert ran.exit_code == 2
    assert f"error: Invalid value: {option} stands before `" in ran.stderr


@pytest.mark.parametrize(
    "command",
    [("config", "check"), ("config", "show"), ("config", "schema"), ("schema", "event"), ("healthcheck",)],
)
def test_help_has_examples(command: tuple[str, ...]) -> None:
    """The help of a command ends with examples of it."""
    assert f"postback-worker {' '.join(command)}" in run(*command, "--help").stdout.partition("Examples:")[2]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["confg"], "error: No such command 'confg'. Did you mean 'config'?"),
        (["config", "show", "--outptu", "json"], "error: No such option"),
        (["config", "show", "-o", "xml"], "error: Invalid value for '--output'"),
        (["--set", "x", "config", "show"], "error: Invalid value"),
    ],
)
def test_wrong_usage(arguments: list[str], says: str) -> None:
    """Wrong usage is exit 2, an error line and a hint on stderr, and nothing on stdout."""
    result = run(*arguments)
    error, hint = result.stderr.splitlines()
    assert (result.exit_code, result.stdout) == (2, "")
    assert error.startswith(says)
    assert hint.startswith("hint: `")
    assert hint.endswith("--help` shows the usage")


@pytest.mark.parametrize(
    ("option", "right"),
    [
        ("--config", "`postback-worker --config FILE dlq list`"),
        ("--set", "`postback-worker --set NAME=VALUE dlq list`"),
    ],
)
def test_options_of_the_program(option: str, right: str) -> None:
    """An option of the program's that stands behind the command is told where it goes."""
    result = run("dlq", "list", option, "x")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == f"hint: {option} comes before the command: {right}"


def test_no_command() -> None:
    """Without a command the help is shown and the exit code is 2."""
    result = run()
    assert result.exit_code == 2
    assert "Usage: " in result.output


def test_set_wins() -> None:
    """`--set` is the command line's word on any setting, by dotted name or by variable."""
    result = run("--set", "kafka.topic=a", "--set", "POSTBACK_HTTP__PORT=81", "config", "show", "-o", "json")
    rows = {row["variable"]: row for row in json.loads(result.stdout)}
    assert rows["POSTBACK_KAFKA__TOPIC"] == {
        "variable": "POSTBACK_KAFKA__TOPIC",
        "value": "a",
        "origin": "command line",
    }
    assert rows["POSTBACK_HTTP__PORT"]["value"] == "81"


def test_config_option(tmp_path: Path) -> None:
    """`--config` names the TOML file; one that is not there is exit 2."""
    (tmp_path / "worker.toml").write_text('kafka.topic = "from-toml"')
    assert "from-toml" in run("--config", "worker.toml", "config", "show").stdout
    result = run("--config", "gone.toml", "config", "show")
    assert result.exit_code == 2
    assert "gone.toml cannot be read" in result.stderr


def test_process() -> None:
    """`python -m worker` is the program: version on stdout, exit 0."""
    done = start("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("postback-worker ")


def test_process_with_problems() -> None:
    """A process with wrong settings ends with exit 2, in lines and without a traceback."""
    done = start("config", "check", POSTBACK_KAFKA__TOPC="x")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == (
        "error: POSTBACK_KAFKA__TOPC: no such setting (environment); did you mean POSTBACK_KAFKA__TOPIC?"
    )
    assert "Traceback" not in done.stderr


def test_completion() -> None:
    """Shell completion offers the commands."""
    done = start(_POSTBACK_WORKER_COMPLETE="complete_bash", COMP_WORDS="postback-worker hea", COMP_CWORD="1")
    assert done.stdout.split() == ["healthcheck"]


ORDERS = ("status", "explain e-1", "pause", "resume", "rate 5", "cancel list", "waiting now")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("dlq list --reason ex", ["expired", "exhausted"]),
        ("dlq list --destination v", ["voluum"]),
        *((f"{command} --destination v", ["voluum"]) for command in ORDERS),
        ("destinations show v", ["voluum"]),
        ("run --only v", ["voluum"]),
        ("run --only other,v", ["other,voluum"]),
        ("cancel --reason t", ["timeout", "tls"]),
        ("waiting list --reason c", ["connection"]),
        ("--set kafka.to", ["kafka.topic="]),
    ],
)
def test_completion_of_values(words: str, offered: list[str]) -> None:
    """Shell completion offers reasons, the destinations that are configured, and settings."""
    line = f"postback-worker {words}"
    done = start(
        _POSTBACK_WORKER_COMPLETE="complete_bash",
        COMP_WORDS=line,
        COMP_CWORD=str(len(line.split()) - 1),
        POSTBACK_DESTINATIONS__VOLUUM__URL="https://voluum.example/?c={click_id}",
    )
    assert (done.stdout.split(), done.stderr) == (offered, "")


def test_completion_without_settings() -> None:
    """Where the settings are wrong no destination is offered, and nothing is said."""
    line = "postback-worker dlq list --destination "
    done = start(
        _POSTBACK_WORKER_COMPLETE="complete_bash",
        COMP_WORDS=line,
        COMP_CWORD="4",
        POSTBACK_KAFKA__TOPC="x",
    )
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_closed_pipe() -> None:
    """A reader that leaves early ends the program quietly."""
    program = f"{sys.executable} -m worker config schema"
    done = subprocess.run(
        ["sh", "-c", f"{program} | :"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stderr == ""


@pytest.mark.parametrize("command", [["--help"], ["--version"]])
def test_help_is_quick(command: list[str]) -> None:
    """Help and version load neither a client library nor the settings."""
    assert loaded(command, {"aiohttp", "confluent_kafka", "pydantic", "prometheus_client"}) == "[]\n"


def test_publish_sends_nothing_by_http() -> None:
    """What publishes events loads neither HTTP nor metrics: that is a third of what there is to load."""
    told = loaded(["publish", "--dry-run", "examples"], {"aiohttp", "prometheus_client"})
    assert told.splitlines()[-1] == "[]"


def loaded(command: list[str], heavy: set[str]) -> str:
    """What a command says on stderr, and last which of the heavy modules it has loaded."""
    code = (
        "import sys, runpy\n"
        f"sys.argv = ['worker', *{command!r}]\n"
        "try: runpy.run_module('worker', run_name='__main__')\n"
        "except SystemExit: pass\n"
        f"print(sorted({heavy!r} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    return done.stderr
