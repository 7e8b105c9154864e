"""The published AsyncAPI document against the schemas that it tells of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest

import schemas
from schemas import DeadReason, RetryReason, WorkerHeaders, asyncapi_document, asyncapi_text, event_schema

PUBLISHED: Final = Path(schemas.__file__).with_name("asyncapi.json")
DOCUMENT: Final = asyncapi_document()
MESSAGES: Final = DOCUMENT["components"]["messages"]


def references(node: Any) -> Iterator[str]:
    """Every reference in the document."""
    if isinstance(node, dict):
        yield from (node["$ref"],) if "$ref" in node else ()
        for value in node.values():
            yield from references(value)


def test_the_published_file_is_current() -> None:
    """The file in the package is the document."""
    assert PUBLISHED.read_text(encoding="utf-8") == asyncapi_text()


def test_every_reference_leads_somewhere() -> None:
    """What is referred to is there."""
    found = set(references(DOCUMENT))
    assert len(found) >= 7
    for reference in found:
        node = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def test_the_payload_is_the_event() -> None:
    """The payload is the event's own schema, and draft 7 (which AsyncAPI builds on) takes it."""
    payload = DOCUMENT["components"]["schemas"]["conversionEvent"]
    jsonschema.Draft7Validator.check_schema(payload)
    assert payload["properties"] == event_schema()["properties"]


def test_parameters_are_those_of_the_address() -> None:
    """Each channel tells of just the parameters that its address has."""
    for channel in DOCUMENT["channels"].values():
        assert set(re.findall(r"\{(.+?)\}", channel["address"])) == set(channel.get("parameters", {}))


@pytest.mark.parametrize(
    ("message", "written"),
    [
        ("conversion", WorkerHeaders(replays=2, replayed_for="momentscience")),
        ("retry", WorkerHeaders(1, 2.0, 1.0, "c/0/7", RetryReason.STATUS, 503, "HTTP 503", replays=1)),
        ("deadLetter", WorkerHeaders(3, None, 1.0, "c/0/7", DeadReason.EXPIRED, 503, "late", 9.0, 1)),
    ],
)
def test_headers_are_those_that_are_written(message: str, written: WorkerHeaders) -> None:
    """A message tells of each header that is written on its topic, in a form that takes what is written."""
    given = {name: value.decode() for name, value in written.write() if value is not None}
    headers = MESSAGES[message]["headers"]
    assert set(given) == set(headers["properties"])
    jsonschema.Draft7Validator(headers).validate(given)
