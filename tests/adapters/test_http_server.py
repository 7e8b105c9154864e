"""What is served to probes and to Prometheus."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Gauge

from worker.adapters.http_server import CannotListen, HttpServer


class Served:
    """A server, and why it would not be alive or ready."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.dead: list[str] = []
        self.unready: list[str] = []
        self.notes: dict[str, object] = {}
        self.server = HttpServer(self.registry, lambda: self.dead, lambda: self.unready, lambda: self.notes)

    async def get(self, path: str, **headers: str) -> tuple[int, str, str]:
        """Status, content type and text."""
        url = "http://{}:{}{}".format(*self.server.address, path)
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
            return answer.status, answer.headers["Content-Type"], await answer.text()


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """A server on a free port."""
    served = Served()
    await served.server.start("127.0.0.1", 0)
    yield served
    await served.server.close()


@pytest.mark.parametrize("path", ["/livez", "/healthz"])
async def test_alive(served: Served, path: str) -> None:
    """Liveness is 200 whatever readiness says, and 503 with the reasons when the process is stuck."""
    served.unready.append("no broker")
    assert (await served.get(path))[0] == 200
    served.dead.append("the consumer has not polled for 60 s")
    status, _, text = await served.get(path)
    assert (status, json.loads(text)) == (
        503,
        {"status": "not alive", "reasons": ["the consumer has not polled for 60 s"]},
    )


async def test_ready(served: Served) -> None:
    """Readiness is 200, or 503 with all reasons, as JSON."""
    status, kind, text = await served.get("/readyz")
    assert (status, json.loads(text)) == (200, {"status": "ready", "reasons": []})
    assert kind.startswith("application/json")
    served.unready.extend(["draining", "topic x does not exist"])
    status, _, text = await served.get("/readyz")
    assert (status, json.loads(text)["reasons"]) == (503, ["draining", "topic x does not exist"])


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "text/plain"),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text"),
    ],
)
async def test_metrics(served: Served, accept: str, kind: str) -> None:
    """The metrics come in the format that is asked for."""
    Gauge("heat", "How warm", registry=served.registry).set(21)
    status, content_type, text = await served.get("/metrics", Accept=accept)
    assert status == 200
    assert content_type.startswith(kind)
    assert "heat 21.0" in text
    assert text.endswith("# EOF\n") == ("openmetrics" in kind)


async def test_nothing_else(served: Served) -> None:
    """Nothing else is served."""
    assert (await served.get("/"))[0] == 404


async def test_an_address_that_is_taken() -> None:
    """An address that can't be had is told of, and closing is in order all the same."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = Served().server
        with pytest.raises(CannotListen, match="address already in use"):
            await server.start("127.0.0.1", taken.getsockname()[1])
        await server.close()


async def test_notes(served: Served) -> None:
    """What is told beside readiness is told on `/readyz` alone, and changes no answer."""
    served.notes["circuit"] = {"status": "503"}
    status, _, text = await served.get("/readyz")
    assert (status, json.loads(text)["circuit"]) == (200, {"status": "503"})
    assert "circuit" not in (await served.get("/livez"))[2]
