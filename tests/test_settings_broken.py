"""Files of settings that are broken, missing, or say a thing twice: each is one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.settings import problems

TOPIC = "POSTBACK_KAFKA__TOPIC"


@pytest.mark.parametrize("text", ["POSTBACK_KAFKA__TOPIC 'x\n", "= 1\n"])
def test_broken_dotenv(tmp_path: Path, text: str) -> None:
    """A line of .env that is not NAME=value is an error that names the line."""
    (tmp_path / ".env").write_text(f"A=1\n{text}")
    (line,) = problems(dotenv=tmp_path / ".env")
    assert line == f"{tmp_path}/.env: line 2 is not NAME=value"


def test_unreadable_dotenv(tmp_path: Path) -> None:
    """A .env that is not UTF-8 is an error."""
    (tmp_path / ".env").write_bytes(b"A=\xff")
    (line,) = problems(dotenv=tmp_path / ".env")
    assert line.startswith(f"{tmp_path}/.env: cannot be read: ")


@pytest.mark.parametrize("text", [b"kafka = [", b"\xff", None])
def test_broken_toml(tmp_path: Path, text: bytes | None) -> None:
    """A TOML file that cannot be read is one line that names it."""
    toml = tmp_path / "worker.toml"
    if text is not None:
        toml.write_bytes(text)
    (line,) = problems(config=toml)
    assert line.startswith(f"POSTBACK_CONFIG: {toml} cannot be read: ")


def test_toml_value_of_no_use(tmp_path: Path) -> None:
    """A TOML value that no setting can be, such as a date, is an error."""
    (tmp_path / "worker.toml").write_text("kafka.topic = 2026-01-01\n")
    (line,) = problems(config=tmp_path / "worker.toml")
    assert line.startswith(f"{TOPIC}: kafka.topic ({tmp_path}/worker.toml) must be text")


def test_two_spellings(tmp_path: Path) -> None:
    """Two spellings of one name in one source are an error."""
    (tmp_path / "worker.toml").write_text('[destination.headers]\nX-A = "1"\nx_a = "2"\n')
    (line,) = problems(config=tmp_path / "worker.toml")
    assert line.startswith("POSTBACK_DESTINATION__HEADERS__X_A: given twice")


def test_missing_secrets_directory(tmp_path: Path) -> None:
    """A secrets directory that was named must be there."""
    (line,) = problems({"POSTBACK_SECRETS_DIR": str(tmp_path / "gone")})
    assert line.startswith(f"POSTBACK_SECRETS_DIR: {tmp_path}/gone cannot be read")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("KAFKA__PROPERTIES__session_timeout_ms", "KAFKA__PROPERTIES__SESSION_TIMEOUT_MS"),
        ("DESTINATION__HEADERS__X-A", "DESTINATION__HEADERS__X_A"),
        ("DESTINATIONS__VOLUUM__URL", "DESTINATIONS__voluum__URL"),
    ],
)
def test_two_spellings_in_the_environment(one: str, other: str) -> None:
    """Two spellings of one setting in the environment are an error that names both: one would not count."""
    lines = problems(dict.fromkeys((f"POSTBACK_{one}", f"POSTBACK_{other}"), "https://a/?c={click_id}"))
    assert f"POSTBACK_{other}: is POSTBACK_{one}, given twice (environment); keep one" in lines


@pytest.mark.parametrize("name", ["SECRETS_DIR", "CONFIG", "DESTINATION__SECRETS__TOKEN_FILE"])
def test_impossible_path(name: str) -> None:
    """A path that no file can have is one line that names the variable."""
    (line,) = problems({f"POSTBACK_{name}": "a\0b"})
    assert line.startswith(f"POSTBACK_{name.removesuffix('_FILE')}: ")
    assert "cannot be read" in line
