"""`healthcheck`: what a container's health depends on."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from worker.cli import app, healthcheck


@pytest.fixture(autouse=True)
def no_settings_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder: no `.env` is near."""
    monkeypatch.chdir(tmp_path)


@contextmanager
def serving(status: int) -> Iterator[tuple[int, list[str]]]:
    """A server that gives this status: its port, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base names it so
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port, asked
        finally:
            server.shutdown()
            thread.join()


def check(port: int, host: str = "127.0.0.1") -> Result:
    """Run the command against this address."""
    env = {"POSTBACK_HTTP__HOST": host, "POSTBACK_HTTP__PORT": str(port)}
    return CliRunner().invoke(app, ["healthcheck"], env=env)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])
def test_alive(host: str) -> None:
    """A 200 on /livez is exit 0 and silence; a worker on every address is asked on loopback."""
    with serving(200) as (port, asked):
        result = check(port, host)
    assert (result.exit_code, result.output, asked) == (0, "", ["/livez"])


@pytest.mark.parametrize("status", [503, 404, 302])
def test_not_alive(status: int) -> None:
    """Any other status is exit 1 and says which."""
    with serving(status) as (port, _):
        result = check(port)
    assert result.exit_code == 1
    assert f"answers {status}" in result.stderr


def test_nobody_there() -> None:
    """No worker is exit 1, a line and a hint."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        result = check(taken.getsockname()[1])
    error, hint = result.stderr.splitlines()
    assert result.exit_code == 1
    assert error.startswith("error: /livez on 127.0.0.1 port ")
    assert hint.startswith("hint: ")


def test_hanging(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that accepts and never answers is exit 1, within the time limit."""
    monkeypatch.setattr(healthcheck, "TIMEOUT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        result = check(server.getsockname()[1])
    assert result.exit_code == 1
    assert "timed out" in result.stderr


def test_no_http() -> None:
    """Something else on the port is exit 1, and what it says is printed without control characters."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=greet, args=(server,))
        thread.start()
        result = check(server.getsockname()[1])
        thread.join()
    assert result.exit_code == 1
    assert "\x1b" not in result.stderr


def greet(server: socket.socket) -> None:
    """Say something that is not HTTP to the first caller."""
    connection, _ = server.accept()
    with connection:
        connection.sendall(b"220 \x1b[31mhello\r\n")


@pytest.mark.usefixtures("heeds_interrupts")
def test_interrupted() -> None:
    """Ctrl-C ends a command with exit 1 and a line."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "-m", "worker", "--set", f"http.port={port}", "healthcheck"],
            stderr=subprocess.PIPE,
            text=True,
        )
        connection, _ = server.accept()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        connection.close()
    assert (process.returncode, errors) == (1, "error: interrupted\n")


def test_any_port() -> None:
    """A port of 0 can't be asked: exit 2."""
    assert check(0).exit_code == 2
