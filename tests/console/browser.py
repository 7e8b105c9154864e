"""A real Chromium, Debian's, one for the session: what it asks for, what it complains of, what axe finds."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.needed import IN_CI

CHROMIUM = shutil.which("chromium")
SERIOUS = {"serious", "critical"}
WIDE, PHONE = 1280, 390

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and not IN_CI, reason="chromium is not on PATH (Debian: chromium)"
)


@contextmanager
def opened() -> Iterator[Browser]:
    """The browser; without a sandbox where it is root's, for it has none then."""
    assert CHROMIUM is not None, "chromium is not on PATH, and under CI nothing is skipped"
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments, timeout=120_000)
        try:
            yield browser
        finally:
            browser.close()


class Visit(NamedTuple):
    """A page of the console, and what went wrong on it: requests elsewhere, complaints of the browser."""

    page: Page
    base: str
    wrong: list[str]

    def go(self, path: str) -> None:
        """Open a path of the console."""
        self.page.goto(f"{self.base}{path}")

    def text(self) -> str:
        """What is read on it, in one line."""
        return " ".join(self.page.inner_text("main").split())

    def waits_for(self, text: str) -> None:
        """Wait until it is read on the page; nobody reloads it."""
        self.page.get_by_text(text).first.wait_for()

    def faults(self) -> list[str]:
        """What axe finds that keeps somebody from using it."""
        found: dict[str, Any] = Axe().run(self.page).response
        return [
            f"{one['id']}: {one['nodes'][0]['html']}"
            for one in found["violations"]
            if one["impact"] in SERIOUS
        ]

    def is_wider_than_it_may_be(self) -> bool:
        """Whether it scrolls sideways."""
        return bool(
            self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        )


@contextmanager
def visit(browser: Browser, base: str, *, width: int = WIDE, **context: Any) -> Iterator[Visit]:
    """A visitor with nothing kept from before; in the end nothing may have gone wrong."""
    made = browser.new_context(viewport={"width": width, "height": 900}, **context)
    made.set_default_timeout(60_000)
    page, wrong = made.new_page(), list[str]()
    page.on("request", lambda request: None if request.url.startswith(base) else wrong.append(request.url))
    page.on("console", lambda said: wrong.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: wrong.append(dialog.message))  # what an id could open, were it a script
    try:
        yield Visit(page, base, wrong)
    finally:
        made.close()
    assert wrong == []
