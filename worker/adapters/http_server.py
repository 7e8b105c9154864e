"""Serves `/metrics`, `/livez`, `/readyz` and `/healthz`.

The rule: liveness depends on this process alone, never on the broker or the partner; readiness gives reasons.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.aiohttp import make_aiohttp_handler

from worker.core.hosts import at_port

Reasons = Callable[[], Iterable[str]]


class CannotListen(Exception):
    """The address can't be listened on; the text says why."""


class HttpServer:
    """Serves metrics and health; `not_alive` and `not_ready` give reasons, none if all is well.

    `/readyz` also shows `notes`, which change no answer.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        not_alive: Reasons,
        not_ready: Reasons,
        notes: Callable[[], Mapping[str, object]] = dict,
    ) -> None:
        app = web.Application()
        app.router.add_get("/metrics", make_aiohttp_handler(registry))
        app.router.add_get("/livez", _answer("alive", not_alive))
        app.router.add_get("/healthz", _answer("alive", not_alive))
        app.router.add_get("/readyz", _answer("ready", not_ready, notes))
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        self.address: tuple[str, int] = ("", 0)

    @property
    def where(self) -> str:
        """The address as text."""
        return at_port(*self.address)

    async def start(self, host: str, port: int) -> None:
        """Listen; raise CannotListen if the address can't be bound. `address` is where it listens."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise CannotListen(error.strerror or str(error)) from error
        self.address = self._runner.addresses[0][:2]

    async def close(self) -> None:
        """Stop listening, within a second."""
        await self._runner.cleanup()


def _answer(
    word: str, reasons: Reasons, notes: Callable[[], Mapping[str, object]] = dict
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(_request: web.Request) -> web.Response:
        why_not = list(reasons())
        body = {"status": f"not {word}" if why_not else word, "reasons": why_not, **notes()}
        return web.json_response(body, status=503 if why_not else 200)

    return handle
