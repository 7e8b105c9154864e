"""An OpenTelemetry collector on aiohttp, in a thread of its own: it takes OTLP over HTTP and remembers spans.

The rule: what it remembers is what arrived, decoded by OpenTelemetry's own protocol and by nothing of ours.
"""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.kafka import wait_until

_KINDS = {3: "client", 4: "producer", 5: "consumer"}
_ERROR = 2


class Seen(NamedTuple):
    """One span as it arrived; ids in hex, times in seconds; `links` are trace and span ids."""

    name: str
    kind: str
    trace: str
    span: str
    parent: str
    links: list[tuple[str, str]]
    start: float
    end: float
    attributes: dict[str, str | int]
    error: str | None
    resource: dict[str, str | int]


class Collector:
    """Serves `/v1/traces` on a free port; while `status` is not 200 it takes nothing."""

    def __init__(self) -> None:
        self.spans: list[Seen] = []
        self.status = 200
        self.headers: list[Mapping[str, str]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="collector")
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(30)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def endpoint(self) -> str:
        """Where it is, as an operator would write it."""
        return f"http://127.0.0.1:{self.port}"

    def of(self, event_id: str) -> list[list[Seen]]:
        """The traces of a conversion, oldest first: each with its first span at the head."""
        heads = [one for one in self.spans if one.attributes.get("postback.event_id") == event_id]
        return [
            [head, *sorted((one for one in self.spans if one.parent == head.span), key=lambda one: one.start)]
            for head in sorted(heads, key=lambda one: one.start)
        ]

    def wait_for(self, count: int) -> None:
        """Wait until so many spans have come."""
        wait_until(f"{count} spans, not {len(self.spans)}", lambda: len(self.spans) >= count)

    async def _open(self) -> None:
        app = web.Application()
        app.router.add_post("/v1/traces", self._take)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.status == 200:
            self.headers.append(dict(request.headers))
            zipped = request.headers.get("Content-Encoding") == "gzip"
            self.spans += _spans(gzip.decompress(body) if zipped else body)
        return web.Response(status=self.status, content_type="application/x-protobuf")


def _spans(body: bytes) -> list[Seen]:
    told = ExportTraceServiceRequest()
    told.ParseFromString(body)
    return [
        Seen(
            one.name,
            _KINDS[one.kind],
            one.trace_id.hex(),
            one.span_id.hex(),
            one.parent_span_id.hex(),
            [(link.trace_id.hex(), link.span_id.hex()) for link in one.links],
            one.start_time_unix_nano / 10**9,
            one.end_time_unix_nano / 10**9,
            _attributes(one.attributes),
            one.status.message if one.status.code == _ERROR else None,
            _attributes(of_resource.resource.attributes),
        )
        for of_resource in told.resource_spans
        for of_scope in of_resource.scope_spans
        for one in of_scope.spans
    ]


def _attributes(pairs: Any) -> dict[str, str | int]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
