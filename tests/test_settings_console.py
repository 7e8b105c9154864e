"""The settings of the console: what others can reach takes a token."""

from __future__ import annotations

import pytest

from tests.cli.invoke import run
from tests.support.settings import problems, read
from worker.settings import Deployment, effective
from worker.settings.advice import warnings

PREFIX = "POSTBACK_CONSOLE__"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost", "LOCALHOST"])
def test_loopback_needs_no_token(host: str) -> None:
    """What this machine alone can reach needs none."""
    assert read({f"{PREFIX}HOST": host}).console.token is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "console.example", "127.0.0.1.example"])
def test_beyond_loopback_a_token_is_required(host: str) -> None:
    """Of what others can reach one line says what to set; with a token it is right."""
    (line,) = problems({f"{PREFIX}HOST": host})
    assert line.startswith(f"{PREFIX}TOKEN: must be set: {PREFIX}HOST is {host}")
    assert read({f"{PREFIX}HOST": host, f"{PREFIX}TOKEN": "a-secret"}).console.host == host


def test_the_command_says_so_too() -> None:
    """An option that opens it to others without a token ends with exit 2 and that one line."""
    result = run("console", "--host", "0.0.0.0", "--port", "0")
    assert result.exit_code == 2
    error, hint = result.stderr.splitlines()
    assert error.startswith(f"error: {PREFIX}TOKEN: must be set")
    assert hint.startswith("hint: ")


@pytest.mark.parametrize(
    ("given", "path"), [("", "/"), ("/", "/"), ("/ops/", "/ops"), ("/ops/post.back-1", "/ops/post.back-1")]
)
def test_base_path(given: str, path: str) -> None:
    """A path is a path, with or without a slash at its end."""
    assert read({f"{PREFIX}BASE_PATH": given}).console.base_path == path


@pytest.mark.parametrize("given", ["ops", "//evil.example", "/a/../b", "/a b", "/a?b", "https://a.example/"])
def test_what_is_no_base_path(given: str) -> None:
    """What would lead elsewhere is refused."""
    (line,) = problems({f"{PREFIX}BASE_PATH": given})
    assert line.startswith(f"{PREFIX}BASE_PATH: must be a path")


def test_a_token_is_a_secret() -> None:
    """It is shown nowhere, must be printable, and a short one is warned of."""
    settings = read({f"{PREFIX}TOKEN": "hush"})
    assert {row.variable: row.value for row in effective(Deployment.of(settings))}[
        f"{PREFIX}TOKEN"
    ] == "********"
    assert "hush" not in repr(settings)
    assert [line for line in warnings(settings) if "guessed" in line and "hush" not in line]
    assert not warnings(read({f"{PREFIX}TOKEN": "long-enough-a-token"}))
    (line,) = problems({f"{PREFIX}TOKEN": "two words"})
    assert "two words" not in line
