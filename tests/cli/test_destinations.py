"""`destinations`, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.invoke import run, run_json

TOML = """
[destinations.meta]
url = "https://m.example/?c={click_id}&t={secret.token}"
secrets.token = "s3cret"
when.network = "meta"
[destinations.voluum]
url = "https://v.example/?c={click_id}&s={event:signup=1}"
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A file with two destinations."""
    path = tmp_path / "worker.toml"
    path.write_text(TOML)
    return str(path)


def test_list(config: str) -> None:
    """The destinations are listed, a line each."""
    rows = json.loads(run("--config", config, "destinations", "-o", "json").stdout)
    assert [(row["destination"], row["takes"]) for row in rows] == [
        ("meta", "network meta"),
        ("voluum", "what no other takes"),
    ]
    assert run("--config", config, "destinations").stdout.count("\n") == 3


def test_show(config: str) -> None:
    """One is explained, with the request as it goes over the wire, or as one object."""
    result = run("--config", config, "destinations", "show", "meta")
    assert result.exit_code == 0
    assert result.stdout.endswith("GET https://m.example/?c=9f8e7d6c5b4a3928&t=********\n")
    assert "s3cret" not in result.stdout
    shown = run_json("--config", config, "destinations", "show", "meta")
    assert shown["request"]["url"] == "https://m.example/?c=9f8e7d6c5b4a3928&t=********"


def test_no_sample(config: str) -> None:
    """Without a request of the sample event there is a warning."""
    result = run("--config", config, "destinations", "show", "voluum")
    assert (result.exit_code, result.stderr.count("warning: no request can be made")) == (0, 1)
    assert run_json("--config", config, "destinations", "show", "voluum")["request"] is None


def test_unknown(config: str) -> None:
    """An unknown name is wrong usage, one line."""
    result = run("--config", config, "destinations", "show", "x")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: there is no destination x; there is meta, voluum\n")


@pytest.mark.parametrize("command", [("dlq", "list"), ("send", "--click-id", "a", "--dry-run")])
def test_one_is_meant(config: str, command: tuple[str, ...]) -> None:
    """Where one destination is meant and several are configured, it must be named."""
    result = run("--config", config, *command)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "say which with --destination, one of meta, voluum" in result.stderr
    assert "hint: `postback-worker destinations` tells" in result.stderr


def test_send_to_one(config: str) -> None:
    """`send` makes the request of the destination that is named."""
    result = run("--config", config, "send", "--destination", "meta", "--click-id", "a", "--dry-run")
    assert (result.exit_code, result.stdout) == (0, "GET https://m.example/?c=a&t=********\n")


def test_what_is_missing_is_named(config: str) -> None:
    """A macro without a value is named with the variable as it was given."""
    result = run("--config", config, "send", "--destination", "voluum", "--click-id", "a", "--dry-run")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: POSTBACK_DESTINATIONS__VOLUUM__URL needs {event}")
