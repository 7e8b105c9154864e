"""The event's contract as JSON Schema (2020-12), for producers in any language.

The rule: it refuses nothing that `decode` accepts. It accepts a little more: it can't say that a number is
not -0, that a day exists or how late it is, and does not say how many decimals each currency has.
"""

from __future__ import annotations

import json
from typing import Any, Final

from schemas.event import ConversionEvent

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def event_schema() -> dict[str, Any]:
    """Return the JSON Schema of a record's value."""
    model = ConversionEvent.model_json_schema()
    required = set(model["required"])
    return {
        "$schema": _DIALECT,
        "$id": "urn:postback-worker:conversion-event",
        "title": "Conversion event",
        "description": "One conversion of one click. Unknown fields are ignored; null is absence.",
        "type": "object",
        "required": model["required"],
        "properties": {
            name: _published(field, required=name in required) for name, field in model["properties"].items()
        },
    }


def event_schema_text() -> str:
    """Return the schema as text, always the same and ending with a newline: the published file."""
    return json.dumps(event_schema(), indent=2, ensure_ascii=False) + "\n"


def _published(field: dict[str, Any], *, required: bool) -> dict[str, Any]:
    """Put the description first, drop pydantic's titles, and let every optional field be null."""
    words = {
        name: field[name] for name in ("description", "examples", "default") if field.get(name) is not None
    }
    rule = {name: value for name, value in field.items() if name not in {*words, "title", "default"}}
    if "anyOf" in rule:
        return words | {"anyOf": [_to_the_end(one) for one in rule["anyOf"]]}
    rule = _to_the_end(rule)
    return words | (rule if required else {"anyOf": [rule, {"type": "null"}]})


def _to_the_end(rule: dict[str, Any]) -> dict[str, Any]:
    """Refuse a final newline beside a pattern: in some libraries `$` stands before it, too."""
    return rule | {"not": {"pattern": "\\n"}} if "pattern" in rule else rule
