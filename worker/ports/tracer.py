"""Recording spans."""

from __future__ import annotations

from typing import Protocol

from worker.core.tracing import Span, SpanContext


class Tracer(Protocol):
    """Takes finished spans; it must be cheap and not raise."""

    def record(
        self, span: Span, parent: SpanContext | None = None, link: SpanContext | None = None
    ) -> SpanContext:
        """Record a span in its parent's trace or a new one; return its context."""
        ...

    async def close(self) -> None:
        """Send the recorded spans, within bounds."""
        ...
