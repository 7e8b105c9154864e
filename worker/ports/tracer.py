"""Handing over spans to who collects them."""

from __future__ import annotations

from typing import Protocol

from worker.core.tracing import Span, SpanContext


class Tracer(Protocol):
    """Takes spans that have ended; it must be cheap and not raise."""

    def record(
        self, span: Span, parent: SpanContext | None = None, link: SpanContext | None = None
    ) -> SpanContext:
        """Take a span: of its parent's trace, or of a new one. Returns its own context."""
        ...

    async def close(self) -> None:
        """Send what was taken, within bounds."""
        ...
