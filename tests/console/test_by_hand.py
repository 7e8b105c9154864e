"""The pages in a real Chromium, on known data: by the keyboard alone, and behind a proxy below a path."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from typing import NamedTuple

import pytest
from aiohttp import ClientSession, web
from playwright.sync_api import Browser

from tests.console.browser import needs_chromium, opened, visit
from tests.console.fake_actions import FakeActions
from tests.console.known import DOWN, deployment, watch
from worker.console.server import ConsoleServer

pytestmark = [pytest.mark.process, needs_chromium]

PATHS = {
    "verdict": "/",
    "flow": f"/flow/{DOWN}",
    "conversion": "/conversion?by=event_id&id=%3Cscript%3Ealert(1)%3C/script%3E",
    "undelivered": f"/undelivered/{DOWN}?kind=dead",
    "row": f"/undelivered/{DOWN}/row/0/0",
    "ask": f"/act/{DOWN}/replay?reason=exhausted",
    "destination": f"/destination/{DOWN}",
}
REACHABLE = """
() => [...document.querySelectorAll(
    'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]')]
  .filter((one) => one.checkVisibility() && !one.disabled)
  .map((one, number) => one.dataset.number = String(number))
"""
ON_ONE_LINE = """
() => [...document.querySelectorAll('.facts .of small')]
  .map((one) => one.parentElement.offsetHeight < 2 * one.offsetHeight)
"""
FOCUSED = "() => document.activeElement.dataset.number || ''"
SEEN = """
() => {
  const style = getComputedStyle(document.activeElement);
  return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
}
"""


class Known(NamedTuple):
    """A console of known data; `base` is where a browser finds it."""

    base: str
    actions: FakeActions


Beside = Callable[[ConsoleServer], Awaitable[tuple[str, web.AppRunner]]]


@contextmanager
def known(beside: Beside | None = None, **console: object) -> Iterator[Known]:
    """Serve it, in a thread; `beside` stands in front of it, and says where."""
    actions, over, ready = FakeActions(), asyncio.Event(), Future[tuple[str, asyncio.AbstractEventLoop]]()
    overrides = {f"console__{name}": value for name, value in console.items()}

    async def serve() -> None:
        server = ConsoleServer(deployment(**overrides), watch(time.time()), actions)
        await server.start("127.0.0.1", 0)
        base, runner = (server.url.rstrip("/"), None) if beside is None else await beside(server)
        ready.set_result((base, asyncio.get_running_loop()))
        await over.wait()
        if runner is not None:
            await runner.cleanup()
        await server.close()

    thread = Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    base, loop = ready.result(60)
    try:
        yield Known(base, actions)
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()


async def proxied(server: ConsoleServer) -> tuple[str, web.AppRunner]:
    """A proxy that passes paths on as they are, and says who is there."""
    host, port = server.address

    async def pass_on(request: web.Request) -> web.StreamResponse:
        headers = {name: value for name, value in request.headers.items() if name != "X-Forwarded-User"}
        async with (
            ClientSession(auto_decompress=False) as client,
            client.request(
                request.method,
                f"http://{host}:{port}{request.raw_path}",
                headers={**headers, "X-Forwarded-User": "anna"},
                data=await request.read(),
                allow_redirects=False,
            ) as got,
        ):
            answer = web.StreamResponse(status=got.status, headers=got.headers)
            await answer.prepare(request)
            async for chunk in got.content.iter_any():
                await answer.write(chunk)
        return answer

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", pass_on)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    path = server.url.rstrip("/").split("/", 3)[3]
    return f"http://127.0.0.1:{runner.addresses[0][1]}/{path}", runner


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The one browser."""
    with opened() as one:
        yield one


@pytest.fixture(scope="module")
def console() -> Iterator[Known]:
    """A console that may act."""
    with known(allow_actions="true") as one:
        yield one


@pytest.mark.parametrize("view", PATHS)
def test_all_is_reached_by_keyboard(console: Known, browser: Browser, view: str) -> None:
    """Tab leads to each link, field and button of a view, in turn, shows where it is, and leads out again."""
    with visit(browser, console.base) as on:
        on.go(PATHS[view])
        numbers = on.page.evaluate(REACHABLE)
        passed: list[str] = []
        for _ in numbers:
            on.page.keyboard.press("Tab")
            passed.append(on.page.evaluate(FOCUSED))
            assert on.page.evaluate(SEEN), passed
        assert passed == numbers
        assert on.faults() == []


def test_names_are_whole(console: Known, browser: Browser) -> None:
    """However wide the page is, the name of an answer stands whole beside its figure."""
    with visit(browser, console.base) as on:
        on.go("/")
        for width in range(320, 1300, 40):
            on.page.set_viewport_size({"width": width, "height": 900})
            assert set(on.page.evaluate(ON_ONE_LINE)) == {True}, width


def test_behind_a_proxy(browser: Browser) -> None:
    """Below a path, each link stays there, what changes is heard of, and who the proxy names is who acts."""
    with (
        known(proxied, allow_actions="true", base_path="/ops") as console,
        visit(browser, console.base) as on,
    ):
        assert console.base.endswith("/ops")
        on.go("/")
        on.page.locator("#state[data-state=live]").wait_for()
        for name in ("Flow", "Conversion", "Undelivered", "Destination"):
            on.page.get_by_role("link", name=name, exact=True).first.click()
            assert on.page.url.startswith(f"{console.base}/")
            assert on.page.locator("nav [aria-current=page]").inner_text() == name
        on.page.get_by_role("button", name="Pause", exact=True).click()
        on.waits_for("paused")
        assert [(name, given[0].by) for name, _, given in console.actions.done] == [("pause", "anna@console")]


def test_a_console_that_goes_away(browser: Browser) -> None:
    """A page whose console has ended says that it connects again, and shows what it showed."""
    with known() as console:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{console.base}/")
        page.locator("#state[data-state=live]").wait_for()
    page.locator("#state[data-state=reconnecting]").wait_for()
    assert "partner down" in page.inner_text("main")
    context.close()


def test_what_is_asked_without_scripts(console: Known, browser: Browser) -> None:
    """Where no script may run an order is given as well, and the page says what came of it."""
    with visit(browser, console.base, java_script_enabled=False) as on:
        on.go(f"/undelivered/{DOWN}?kind=waiting")
        on.page.get_by_role("link", name="Send these now").click()
        on.page.get_by_label("Your name").fill("anna")
        on.page.get_by_role("button", name="Send now").click()
        assert on.page.get_by_role("status").first.inner_text().strip() != ""
        assert console.actions.done[-1][0] == "send_now"
