"""The command line as a test calls it: in this process, with these variables and no others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from typer.testing import CliRunner, Result

from tests.support.kafka import Names
from worker.cli import app

NOBODY = "127.0.0.1:1"
"""An address where nothing listens."""

LAST_WORDS_WITHIN = 10.0  # seconds


def run(*arguments: str, env: Mapping[str, str] | None = None, given: bytes | None = None) -> Result:
    """Run a command; `given` is its stdin."""
    return CliRunner().invoke(app, list(arguments), env=env, input=given)


def run_json(*arguments: str, env: Mapping[str, str] | None = None) -> Any:
    """Run a command that must end well, with `-o json`, and return what it printed."""
    result = run(*arguments, "-o", "json", env=env)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def kafka_env(bootstrap: str, names: Names, **more: str) -> dict[str, str]:
    """The variables for a broker, and for topics that no other test uses; one delay tier of 10 s."""
    return {
        "POSTBACK_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
        "POSTBACK_KAFKA__TOPIC": names.topic,
        "POSTBACK_KAFKA__GROUP_ID": names.group,
        "POSTBACK_RETRY__DELAYS": "10s",
        **more,
    }


@contextmanager
def publishing(env: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command as a process, which does not outlive the test.

    If the test fails meanwhile, what the command has said is printed, and where each thread of it stands.
    """
    command = [sys.executable, "-X", "faulthandler", "-m", "worker", *arguments]
    with subprocess.Popen(
        command,
        env={**os.environ, **env},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        except BaseException:
            process.send_signal(signal.SIGABRT)
            _print_said(process)
            raise
        finally:
            process.kill()


def _print_said(process: subprocess.Popen[bytes]) -> None:
    with suppress(subprocess.TimeoutExpired, ValueError):  # ValueError: the test has closed a stream
        out, err = process.communicate(timeout=LAST_WORDS_WITHIN)
        print("stdout:", out.decode(errors="replace"), "stderr:", err.decode(errors="replace"), sep="\n")
