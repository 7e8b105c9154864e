"""The published JSON Schema against the reader itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema.protocols import Validator

import schemas
from schemas import BadRecord, ConversionEvent, decode, event_schema, event_schema_text
from tests.schemas.tables import INEXACT_PAYOUTS, LEAST, NOT_IN_SCHEMA, NOW, UNREAL_TIMES
from tests.schemas.values import GOOD_VALUES, INVALID_VALUES

PUBLISHED: Final = Path(schemas.__file__).with_name("event.schema.json")

NO_SCHEMA_CAN_SAY: Final = {
    *(f"payout {text}" for text in INEXACT_PAYOUTS),
    *(f"payout {text} in {code}" for code, text in NOT_IN_SCHEMA),
    *(f"{field} {text!r}" for field in ("occurred_at", "clicked_at") for text in UNREAL_TIMES),
}
"""The rows that only the reader refuses."""

SCHEMA: Final[Validator] = jsonschema.Draft202012Validator(event_schema())
"""Python's own: in it `$` stands before a final newline, too."""


def accepts(value: bytes) -> bool:
    """Say whether the published schema takes the value."""
    return SCHEMA.is_valid(json.loads(value))


def test_the_published_file_is_current() -> None:
    """The file in the package is the schema of the event."""
    assert PUBLISHED.read_text(encoding="utf-8") == event_schema_text()
    assert event_schema_text().endswith("}\n")


def test_it_is_a_schema() -> None:
    """The schema keeps the rules of its own dialect."""
    jsonschema.Draft202012Validator.check_schema(event_schema())


@pytest.mark.parametrize("name", GOOD_VALUES, ids=ascii)
def test_good_values(name: str) -> None:
    """The schema takes whatever the reader takes."""
    assert accepts(GOOD_VALUES[name])


@pytest.mark.parametrize("name", INVALID_VALUES, ids=ascii)
def test_bad_values(name: str) -> None:
    """The schema refuses what the reader refuses, except for what no schema can say."""
    assert accepts(INVALID_VALUES[name]) is (name in NO_SCHEMA_CAN_SAY)


@given(
    st.dictionaries(
        st.sampled_from(list(ConversionEvent.model_fields)),
        st.none() | st.booleans() | st.integers() | st.text() | st.dictionaries(st.text(), st.text()),
    )
)
def test_it_refuses_nothing_good(fields: dict[str, Any]) -> None:
    """Whatever the reader takes, the schema takes."""
    value = json.dumps(LEAST | fields).encode()
    try:
        decode(value, now=NOW)
    except BadRecord:
        return
    assert accepts(value)


@pytest.mark.parametrize("field", ConversionEvent.model_fields)
def test_every_field_is_explained(field: str) -> None:
    """Every field has a description, and its examples are good ones."""
    published = event_schema()["properties"][field]
    assert published["description"].endswith(".")
    for example in published.get("examples", ["USD"]):
        decode(json.dumps(LEAST | {field: example}).encode(), now=NOW)
