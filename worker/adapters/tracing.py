"""Tracing, if it is asked for: without an endpoint nothing of OpenTelemetry is imported.

The rule: with an endpoint but without the libraries the worker does not start; a line says what to install.
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
    """The error line for an endpoint while the libraries are not installed."""
    if endpoint is None or _is_there(_NEEDED):
        return []
    return [f"POSTBACK_TRACING__ENDPOINT: takes the extra `otel`, which is not installed: {INSTALL}"]


def make_tracer(endpoint: str | None, instance: str) -> Tracer | None:
    """Make what sends spans to an endpoint; None without one, or if `OTEL_SDK_DISABLED` says so.

    `instance` names this process.
    """
    if endpoint is None or os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    from worker.adapters.otlp import OtlpTracer

    return OtlpTracer(endpoint, instance)


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # its package is absent
        return False
