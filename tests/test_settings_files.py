"""Settings that came from files are made anew of what the files hold now, by the rules of the start."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from worker.settings import Settings, SettingsError, load
from worker.settings.reread_files import ChangedSettings

TOKEN = "POSTBACK_DESTINATION__HEADERS__X_TOKEN"
URL = "https://partner.example/?k=one&click_id={click_id}"


def loaded(at: Path, **environ: str) -> Settings:
    """Settings from this environment alone."""
    given = {f"POSTBACK_{name}": value for name, value in environ.items()}
    return load(environ=given, dotenv=at / "none")


def reread(settings: Settings) -> ChangedSettings:
    """The settings made anew, where a file holds something new."""
    assert settings.files is not None
    made = settings.files.reread()
    assert made is not None
    return made


def headers(settings: Settings) -> dict[str, str]:
    """The headers in the clear."""
    return {name: value.get_secret_value() for name, value in settings.destination.headers.items()}


@pytest.fixture
def token(tmp_path: Path) -> Path:
    """A file with a token."""
    path = tmp_path / "token"
    path.write_text("first\n")
    return path


def test_nothing_new(tmp_path: Path, token: Path) -> None:
    """A file that was written again and holds the same makes no new settings."""
    settings = loaded(tmp_path, DESTINATION__HEADERS__X_TOKEN_FILE=str(token))
    token.write_text("first")
    assert settings.files is not None
    assert settings.files.reread() is None


def test_a_new_value(tmp_path: Path, token: Path) -> None:
    """A file's new value makes new settings, and its variable is named; these can be made anew again."""
    settings = loaded(tmp_path, DESTINATION__HEADERS__X_TOKEN_FILE=str(token), HTTP__PORT="9000")
    assert settings.files is not None
    assert settings.files.paths == {TOKEN: token}
    for value in ("second", "third"):
        token.write_text(f"{value}\r\n")
        settings, changed = reread(settings)
        assert (headers(settings), changed) == ({"X-Token": value}, [TOKEN])
        assert settings.http.port == 9000
        assert settings.origins[TOKEN] == "environment"


def test_the_secrets_directory(tmp_path: Path) -> None:
    """The files of the secrets directory are read again, too; links are followed to where they lead now."""
    for folder, value in (("..1", "first"), ("..2", "second")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / TOKEN.lower()).write_text(value)
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / TOKEN.lower()).symlink_to(Path("..data") / TOKEN.lower())
    settings = loaded(tmp_path, SECRETS_DIR=str(tmp_path))
    assert headers(settings) == {"X-Token": "first"}
    (tmp_path / "..new").symlink_to("..2")
    (tmp_path / "..new").rename(tmp_path / "..data")
    assert headers(reread(settings).settings) == {"X-Token": "second"}


def test_what_else_was_given_stays(tmp_path: Path, token: Path) -> None:
    """A TOML file that was changed meanwhile does not come into force with a token."""
    toml = tmp_path / "worker.toml"
    toml.write_text("[http]\nport = 9000\n")
    environ = {f"{TOKEN}_FILE": str(token)}
    settings = load(config=toml, environ=environ, dotenv=tmp_path / "none")
    toml.write_text("[http]\nport = 9001\n")
    token.write_text("second")
    assert reread(settings).settings.http.port == 9000


def test_what_is_not_in_force(tmp_path: Path, token: Path) -> None:
    """A file whose value a stronger source overrides is not watched, and means nothing."""
    toml = tmp_path / "worker.toml"
    toml.write_text(f'[destination.headers]\nx_token_file = "{token}"\n')
    name = tmp_path / "name"
    name.write_text("partner")
    environ = {TOKEN: "stronger", "POSTBACK_DESTINATION__NAME_FILE": str(name)}
    settings = load(config=toml, environ=environ, dotenv=tmp_path / "none")
    assert settings.files is not None
    assert settings.files.paths == {"POSTBACK_DESTINATION__NAME": name}
    token.unlink()
    assert settings.files.reread() is None


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (None, "the file AT cannot be read: No such file or directory"),
        (b"", "the file AT is empty"),
        (b"\n", "the file AT is empty"),
        (b"\xff", "the file AT cannot be read: "),
        (b"two\nlines", ""),
    ],
)
def test_wrong(tmp_path: Path, token: Path, value: bytes | None, line: str) -> None:
    """A file that holds nothing right makes no settings: a line says why, and never what it holds."""
    settings = loaded(tmp_path, DESTINATION__HEADERS__X_TOKEN_FILE=str(token))
    assert settings.files is not None
    token.unlink()
    if value is not None:
        token.write_bytes(value)
    with pytest.raises(SettingsError) as wrong:
        settings.files.reread()
    (problem,) = wrong.value.problems
    assert problem.startswith(f"{TOKEN}: " + line.replace("AT", str(token)))
    assert "lines" not in problem
    token.write_text("second")
    assert headers(reread(settings).settings) == {"X-Token": "second"}


def test_empty_from_the_start(tmp_path: Path, token: Path) -> None:
    """A file that was empty at the start may stay so."""
    empty = tmp_path / "empty"
    empty.write_text("")
    settings = loaded(
        tmp_path, DESTINATION__HEADERS__X_TOKEN_FILE=str(token), DESTINATION__REJECT_BODY_FILE=str(empty)
    )
    token.write_text("second")
    assert reread(settings).changed == [TOKEN]


def test_rules_between_settings(tmp_path: Path) -> None:
    """Files that belong together are judged together."""
    simple, event = tmp_path / "simple", tmp_path / "event"
    for path in (simple, event):
        path.write_text(URL)
    settings = loaded(
        tmp_path, DESTINATION__SIMPLE_URL_FILE=str(simple), DESTINATION__EVENT_URL_FILE=str(event)
    )
    simple.write_text("https://partner.example/?k={click_id")
    event.write_text(URL.replace("one", "two"))
    assert settings.files is not None
    with pytest.raises(SettingsError, match="POSTBACK_DESTINATION__SIMPLE_URL"):
        settings.files.reread()
    simple.write_text(URL.replace("one", "two"))
    made = reread(settings)
    assert made.settings.destination.event_url == URL.replace("one", "two")
    assert len(made.changed) == 2


def test_a_pipe(tmp_path: Path) -> None:
    """A value that came through a pipe, as `<(…)` gives one, is read once."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_text("first"))
    writer.start()
    settings = loaded(tmp_path, DESTINATION__HEADERS__X_TOKEN_FILE=str(pipe))
    writer.join()
    assert (headers(settings), settings.files) == ({"X-Token": "first"}, None)


def test_not_loaded() -> None:
    """Settings that were made directly came from no file."""
    assert Settings().files is None
