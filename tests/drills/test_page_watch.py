"""When the page shows an incident."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.drills import page_watch
from tests.drills.page import Shown
from tests.drills.page_watch import PageWatch
from tests.support.kafka import wait_until


def test_when_it_is_first_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that does not answer is asked again, and the first look that shows it counts."""
    monkeypatch.setattr(page_watch, "LOOK_SECONDS", 0.001)
    pages: Iterator[str] = iter(["all is well", "", "partner down", "all is well"])
    asked: list[str] = []

    def look(view: str) -> str:
        asked.append(view)
        page = next(pages)
        if not page:
            raise OSError("refused")
        return page

    watch = PageWatch(look, Shown("verdict", "partner down"), time.time() - 7.0)
    wait_until("it is seen", lambda: watch.shown is not None)
    watch.end()
    assert asked == ["verdict"] * 3
    assert watch.shown is not None
    assert watch.shown >= 7.0


def test_what_no_page_shows() -> None:
    """What can't be seen there is not looked for."""
    watch = PageWatch(lambda _: pytest.fail("it looked"), None, 0.0)
    watch.end()
    assert watch.shown is None
