"""The topics and what is on them as an AsyncAPI 3.0 document, for producers, consumers and their tools.

The rule: payloads and headers are those of the schemas here; the names of topics are the defaults.
"""

from __future__ import annotations

import json
from typing import Any, Final

from schemas import headers
from schemas.headers import DeadReason, RetryReason
from schemas.journal import JournalStep, StepKind
from schemas.json_schema import event_schema

VERSION: Final = "1.0.0"
"""The contract's own version: a change that breaks a reader or a producer raises its first number."""

_MOMENT: Final = {"type": "string", "format": "date-time"}
_COUNT: Final = {"type": "string", "pattern": "^[0-9]{1,6}$"}
_HEADERS: Final[dict[str, dict[str, Any]]] = {
    headers.ATTEMPTS: {**_COUNT, "description": "Attempts made so far, decimal."},
    headers.DUE_AT: {**_MOMENT, "description": "Not to be sent before; RFC 3339 UTC with milliseconds."},
    headers.FIRST_ATTEMPT_AT: {**_MOMENT, "description": "When the first attempt was made, if one was."},
    headers.ORIGIN: {"type": "string", "description": "topic/partition/offset of the source record."},
    headers.STATUS: {"type": "string", "pattern": "^[1-9][0-9]{2}$", "description": "The last HTTP status."},
    headers.ERROR: {"type": "string", "maxLength": 512, "description": "One readable line, no secrets."},
    headers.DEAD_AT: {**_MOMENT, "description": "When it was given up."},
    headers.REPLAYS: {**_COUNT, "description": "How often it was replayed from the dead letters."},
    headers.FOR: {
        "type": "string",
        "pattern": "^[A-Za-z0-9._-]{1,64}$",
        "description": "The destination that it is replayed for; the others pass over it.",
    },
}
_ANYWHERE: Final = (
    headers.ATTEMPTS,
    headers.FIRST_ATTEMPT_AT,
    headers.ORIGIN,
    headers.STATUS,
    headers.ERROR,
    headers.REPLAYS,
)


def asyncapi_document() -> dict[str, Any]:
    """Return the document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "postback-worker",
            "version": VERSION,
            "description": "Conversion events in, one HTTP postback each out. Topics by their default names.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": _channels(),
        "operations": _operations(),
        "components": {
            "messages": _messages(),
            "schemas": {"conversionEvent": _payload(), "journalStep": _step_schema()},
        },
    }


def asyncapi_text() -> str:
    """Return the document as JSON text, always the same: the published file. JSON is YAML, too."""
    return json.dumps(asyncapi_document(), indent=2, ensure_ascii=False) + "\n"


def _channels() -> dict[str, Any]:
    """The topics, by the names that operations use."""
    return {
        "conversions": _channel("conversions", "conversion", "What producers publish."),
        "retries": {
            **_channel(
                "postback-worker.retry.{delay}", "retry", "One topic for each delay; in order of due."
            ),
            "parameters": {
                "delay": {"description": "The delay, as the settings have it.", "examples": ["10s"]}
            },
        },
        "journal": _channel("postback-worker.journal", "step", "What became of each conversion."),
        "deadLetters": _channel("postback-worker.dlq", "deadLetter", "What was given up, whatever it holds."),
    }


def _operations() -> dict[str, Any]:
    """What is done with the topics, and why."""
    return {
        "takeConversion": _operation("receive", "conversions", "Send its postback."),
        "retryLater": _operation("send", "retries", "Try again once it is due."),
        "takeRetry": _operation("receive", "retries", "Try again what is due."),
        "giveUp": _operation("send", "deadLetters", "Keep what can't be delivered, with the reason."),
        "writeDown": _operation("send", "journal", "Tell what became of a conversion, before its commit."),
        "replay": _operation("send", "conversions", "Give a dead letter another round of attempts."),
    }


def _messages() -> dict[str, Any]:
    """What a record of each kind is."""
    return {
        "conversion": _message("Conversion event", _of(headers.REPLAYS, headers.FOR)),
        "retry": _message("Conversion that waits", _of(*_ANYWHERE, headers.DUE_AT, reasons=RetryReason)),
        "step": _step(),
        "deadLetter": _message(
            "Dead letter", _of(*_ANYWHERE, headers.DEAD_AT, reasons=DeadReason), is_event=False
        ),
    }


def _payload() -> dict[str, Any]:
    """The event's schema without its dialect: AsyncAPI's own dialect accepts all that it uses."""
    return {name: rule for name, rule in event_schema().items() if not name.startswith("$")}


def _channel(address: str, message: str, description: str) -> dict[str, Any]:
    return {
        "address": address,
        "description": description,
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
    }


def _operation(action: str, channel: str, summary: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}


def _message(title: str, of: dict[str, Any], *, is_event: bool = True) -> dict[str, Any]:
    """A message; its payload may be any bytes unless it is an event."""
    payload = {"payload": {"$ref": "#/components/schemas/conversionEvent"}} if is_event else {}
    key = {"type": "string", "description": "The click id, usually; it passes every hop unchanged."}
    bindings = {"kafka": {"key": key, "bindingVersion": "0.5.0"}}
    return {"title": title, "headers": of, **payload, "bindings": bindings}


def _step() -> dict[str, Any]:
    key = {"type": "string", "description": "The event id, or the origin where there is none."}
    return {
        "title": "Step of a conversion",
        "payload": {"$ref": "#/components/schemas/journalStep"},
        "bindings": {"kafka": {"key": key, "bindingVersion": "0.5.0"}},
    }


def _step_schema() -> dict[str, Any]:
    """The fields of a step; all but the required ones may be left out."""
    known: dict[str, Any] = {name: {"type": "string"} for name in JournalStep.model_fields}
    known["step"] = {"type": "string", "enum": [kind.value for kind in StepKind]}
    known.update((name, {"type": "integer"}) for name in ("attempt", "status", "ms", "replays"))
    known.update((name, _MOMENT) for name in ("at", "due_at"))
    return {"type": "object", "required": ["at", "step", "origin"], "properties": known}


def _of(*names: str, reasons: type[RetryReason | DeadReason] | None = None) -> dict[str, Any]:
    """The worker's headers of a message, which come beside the producer's own."""
    properties: dict[str, Any] = {name: _HEADERS[name] for name in names}
    if reasons is not None:
        properties[headers.REASON] = {"type": "string", "enum": [reason.value for reason in reasons]}
    return {"type": "object", "properties": properties}
