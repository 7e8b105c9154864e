"""Tracing, where it is asked for: without an endpoint nothing of OpenTelemetry is imported.

The rule: an endpoint without the libraries never starts; a line says what to install.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.ports import Tracer

INSTALL = "pip install 'postback-worker[otel]'"
_NEEDED = "opentelemetry.exporter.otlp.proto.http"


def missing_extra(endpoint: str | None) -> list[str]:
    """The line for an endpoint that can't be used, as the libraries are not installed."""
    if endpoint is None or _is_there(_NEEDED):
        return []
    return [f"POSTBACK_TRACING__ENDPOINT: takes the extra `otel`, which is not installed: {INSTALL}"]


def make_tracer(endpoint: str | None, instance: str) -> Tracer | None:
    """What sends spans to an endpoint; None where there is none, or `OTEL_SDK_DISABLED` says so.

    `instance` names this process.
    """
    if endpoint is None or os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    from worker.adapters.otlp import OtlpTracer

    return OtlpTracer(endpoint, instance)


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # what it lies in is not there
        return False
