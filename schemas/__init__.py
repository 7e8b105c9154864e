"""The contracts of the conversion topics, for producers and the worker; pydantic and iso4217 suffice.

A web shop keeps the click when the visitor lands, and tells of the conversion later:

    from datetime import UTC, datetime
    from schemas import Click

    url = "https://shop.example/?click_id=9f8e7d6c5b4a3928"
    click = Click.from_landing_url(url, at=datetime.now(UTC))
    if click is not None:
        session["click"] = click.to_json()

    click = Click.from_json(session["click"])
    event = click.conversion(event="purchase", payout="49.99", order_id="1001", at=datetime.now(UTC))
    producer.produce("conversions", key=event.click_id, value=event.to_json())
"""

from __future__ import annotations

from schemas.asyncapi import asyncapi_document, asyncapi_text
from schemas.click import Click
from schemas.dead_letter import DeadLetter
from schemas.event import BadRecord, ConversionEvent, Invalid, Undecodable, decode, json_object
from schemas.headers import DeadReason, RetryReason, WorkerHeaders, without_worker_headers
from schemas.journal import JournalStep, StepKind, read_step
from schemas.json_schema import event_schema, event_schema_text
from schemas.moment import format_time, parse_time

__all__ = [
    "BadRecord",
    "Click",
    "ConversionEvent",
    "DeadLetter",
    "DeadReason",
    "Invalid",
    "JournalStep",
    "RetryReason",
    "StepKind",
    "Undecodable",
    "WorkerHeaders",
    "asyncapi_document",
    "asyncapi_text",
    "decode",
    "event_schema",
    "event_schema_text",
    "format_time",
    "json_object",
    "parse_time",
    "read_step",
    "without_worker_headers",
]
