"""`schema`: the published contracts on stdout."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from schemas import asyncapi_text, event_schema_text
from worker.cli import app


def test_event() -> None:
    """`schema event` prints the event's JSON Schema, byte for byte as published."""
    result = CliRunner().invoke(app, ["schema", "event"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == event_schema_text()
    assert "click_id" in json.loads(result.stdout)["properties"]


def test_asyncapi() -> None:
    """`schema asyncapi` prints the AsyncAPI document, byte for byte as published."""
    result = CliRunner().invoke(app, ["schema", "asyncapi"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == asyncapi_text()


def test_ends_with_a_newline() -> None:
    """The schema ends with exactly one newline, as files do."""
    text = event_schema_text()
    assert text.endswith("}\n")


def test_unknown() -> None:
    """A contract that is not there is wrong usage."""
    result = CliRunner().invoke(app, ["schema", "evnt"])
    assert result.exit_code == 2
    assert "Did you mean 'event'?" in result.stderr
