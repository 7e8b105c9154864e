"""The contracts of the conversion topics, for producers and for the worker; pydantic is all they need.

from schemas import Click, ConversionEvent, decode

"""

from __future__ import annotations

from schemas.event import BadRecord, ConversionEvent, Invalid, Undecodable, decode
from schemas.headers import DeadReason, RetryReason, WorkerHeaders, without_worker_headers
from schemas.moment import format_time, parse_time

__all__ = [
    "BadRecord",
    "ConversionEvent",
    "DeadReason",
    "Invalid",
    "RetryReason",
    "Undecodable",
    "WorkerHeaders",
    "decode",
    "format_time",
    "parse_time",
    "without_worker_headers",
]
