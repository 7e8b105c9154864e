"""`config`: what is checked, shown and explained, and with which exit code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import trustme
from typer.testing import CliRunner, Result

from tests.support.certificates import ClientFiles
from tests.support.kafka import Names, create_topics
from worker.cli import app
from worker.settings import describe, load

PUBLIC = {
    "POSTBACK_DESTINATION__SIMPLE_URL": "https://8.8.8.8/?click_id={click_id}",
    "POSTBACK_DESTINATION__EVENT_URL": "https://8.8.8.8/?click_id={click_id}",
}


@pytest.fixture(autouse=True)
def no_settings_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder: no `.env` is near."""
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, env: Mapping[str, str] = PUBLIC) -> Result:
    """Run `config` with these arguments."""
    return CliRunner().invoke(app, ["config", *arguments], env=env)


def test_valid() -> None:
    """Right settings are valid: exit 0, one line on stdout, nothing on stderr."""
    result = run("check")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "configuration is valid\n", "")


def test_problems() -> None:
    """Wrong settings end with exit 2, one error line for each, and nothing on stdout."""
    result = run("check", env={"POSTBACK_KAFKA__TOPC": "x", "POSTBACK_HTTP__PORT": "x"})
    assert (result.exit_code, result.stdout) == (2, "")
    *errors, hint = result.stderr.splitlines()
    assert [line.split(":")[:2] for line in errors] == [
        ["error", " POSTBACK_KAFKA__TOPC"],
        ["error", " POSTBACK_HTTP__PORT"],
    ]
    assert hint.startswith("hint: ")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "0x7f.1", "2130706433", "[::1]", "169.254.169.254", "localhost"]
)
def test_forbidden_host(host: str) -> None:
    """A destination that is, or leads to, a forbidden address is a configuration error, unless permitted."""
    env = {**PUBLIC, "POSTBACK_DESTINATION__EVENT_URL": f"https://{host}/?click_id={{click_id}}"}
    result = run("check", env=env)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: POSTBACK_DESTINATION__EVENT_URL: ")
    assert "is forbidden" in result.stderr
    assert run("check", env={**env, "POSTBACK_DESTINATION__ALLOW_PRIVATE_ADDRESSES": "true"}).exit_code == 0


def test_unresolvable_host() -> None:
    """A destination that does not resolve is a warning."""
    url = "https://partner.invalid/?click_id={click_id}"
    result = run("check", env={**PUBLIC, "POSTBACK_DESTINATION__EVENT_URL": url})
    assert (result.exit_code, result.stdout) == (0, "configuration is valid\n")
    assert result.stderr.startswith(
        "warning: POSTBACK_DESTINATION__EVENT_URL: partner.invalid does not resolve"
    )


def test_certificates(tmp_path: Path) -> None:
    """Whose certificates TLS rests on, and until when, is printed; one that ends soon is a warning."""
    files = ClientFiles(tmp_path, trustme.CA(organization_name="Example Authority"))
    names = {"CA_FILE": files.ca, "CERT_FILE": files.cert, "KEY_FILE": files.key}
    env = {**PUBLIC, **{f"POSTBACK_DESTINATION__{name}": str(path) for name, path in names.items()}}
    result = run("check", env=env)
    assert (result.exit_code, result.stderr) == (0, "")
    valid, authority, client = result.stdout.splitlines()
    assert valid == "configuration is valid"
    assert authority.startswith("POSTBACK_DESTINATION__CA_FILE: Example Authority, valid until 3")
    assert client.startswith("POSTBACK_DESTINATION__CERT_FILE: client.example, valid until 20")
    files.renew(days=2)
    line = "POSTBACK_DESTINATION__CERT_FILE: the certificate expires soon: client.example is valid until"
    assert run("check", env=env).stderr.startswith(f"warning: {line}")
    files.renew()
    files.key.chmod(0o644)
    line = f"POSTBACK_DESTINATION__KEY_FILE: every user can read the file {files.key}; `chmod o-r` mends it"
    assert run("check", env=env).stderr == f"warning: {line}\n"
    files.cert.unlink()
    result = run("check", env=env)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"error: POSTBACK_DESTINATION__CERT_FILE: the file {files.cert} cannot be read" in result.stderr
    del env["POSTBACK_DESTINATION__CERT_FILE"]
    result = run("check", env=env)
    assert result.exit_code == 2
    assert "error: POSTBACK_DESTINATION__KEY_FILE: takes POSTBACK_DESTINATION__CERT_FILE" in result.stderr


def test_files_of_tls_without_tls(tmp_path: Path) -> None:
    """A file of TLS where nothing is sent over TLS is a warning."""
    url = "http://8.8.8.8/?click_id={click_id}"
    env = {f"POSTBACK_DESTINATION__{name}_URL": url for name in ("SIMPLE", "EVENT")}
    ca = ClientFiles(tmp_path, trustme.CA()).ca
    result = run("check", env={**env, "POSTBACK_DESTINATION__CA_FILE": str(ca)})
    assert result.exit_code == 0
    assert "POSTBACK_DESTINATION__CA_FILE: has no use: no URL begins with https://\n" in result.stderr


def test_advice() -> None:
    """What may not be meant is a warning on stderr, and no error."""
    result = run("check", env={**PUBLIC, "POSTBACK_DRAIN_TIMEOUT": "1s"})
    assert result.exit_code == 0
    assert result.stderr.startswith("warning: POSTBACK_DRAIN_TIMEOUT: ")


def test_no_broker() -> None:
    """With --online, a broker that cannot be reached is exit 1 and says why."""
    result = run("check", "--online", env={**PUBLIC, "POSTBACK_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"})
    assert result.exit_code == 1
    assert "error: 127.0.0.1:1 does not answer: " in result.stderr
    assert "refused" in result.stderr


def test_show_masks_secrets() -> None:
    """`show` prints every setting with its origin, and no secret."""
    env = {"POSTBACK_DESTINATION__HEADERS__X_TOKEN": "hunter2"}
    result = run("show", "-o", "json", env=env)
    rows = {row["variable"]: row for row in json.loads(result.stdout)}
    assert "hunter2" not in result.stdout
    assert rows["POSTBACK_DESTINATION__HEADERS__X_TOKEN"]["origin"] == "environment"
    assert rows["POSTBACK_RETRY__WINDOW"]["value"] == "30d"


def test_lines_end_where_their_text_does() -> None:
    """No line of a table is filled up with spaces."""
    lines = run("show").stdout.splitlines()
    assert len(lines) > 40
    assert [line for line in lines if line != line.rstrip()] == []


def test_show_keeps_rows_whole() -> None:
    """Without a terminal each row of a table is one line, however long it is."""
    name = "x" * 400
    url = f"https://8.8.8.8/?click_id={{click_id}}&{name}=1"
    result = run("show", env={**PUBLIC, "POSTBACK_DESTINATION__SIMPLE_URL": url})
    assert len([line for line in result.stdout.splitlines() if name in line]) == 1


@pytest.mark.parametrize("output", ["table", "json", "markdown"])
def test_schema(output: str) -> None:
    """`schema` explains every variable in each form, without reading the settings."""
    result = run("schema", "-o", output, env={"POSTBACK_NONSENSE": "1"})
    assert result.exit_code == 0
    assert all(row.variable in result.stdout for row in describe())


@pytest.mark.kafka
def test_online(kafka: str, names: Names) -> None:
    """With --online, missing topics are exit 1 by name; with all of them there it is exit 0."""
    env = {
        **PUBLIC,
        "POSTBACK_KAFKA__BOOTSTRAP_SERVERS": kafka,
        "POSTBACK_KAFKA__TOPIC": names.topic,
        "POSTBACK_KAFKA__GROUP_ID": names.group,
        "POSTBACK_RETRY__DELAYS": "10s",
        "POSTBACK_RETRY__MAX_ATTEMPTS": "2",
    }
    settings = load(environ=env)
    needed = [names.topic, settings.tier_topic(settings.tiers[0]), settings.dlq_topic]
    needed.append(settings.journal_topic)
    result = run("check", "--online", env=env)
    assert result.exit_code == 1
    warning, *errors, _ = result.stderr.splitlines()
    assert warning.startswith(f"warning: topic {names.control} does not exist")
    assert errors == [f"error: topic {name} does not exist" for name in needed]
    create_topics(kafka, {names.topic: 1})
    assert CliRunner().invoke(app, ["topics", "create"], env=env).exit_code == 0
    result = run("check", "--online", env=env)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == ["configuration is valid", "broker and topics are ready"]
