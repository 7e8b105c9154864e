"""Request headers of the settings, from the check to the program."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.invoke import run
from worker.adapters.http import SenderOptions
from worker.core.request_headers import OWN_HEADERS


@pytest.mark.parametrize("name", sorted(OWN_HEADERS))
def test_what_the_sender_refuses(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the sender would refuse is a problem that `config check` tells by the variable, exit 2."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="the worker's own"):
        SenderOptions(headers={name: "x"})
    variable = f"POSTBACK_DESTINATION__HEADERS__{name.upper().replace('-', '_')}"
    result = run("config", "check", env={variable: "x"})
    assert result.exit_code == 2
    assert result.stderr.startswith(
        f"error: {variable}: {name.title()} is the worker's own and cannot be set"
    )
