"""The console as a person meets it: the real program on a real Kafka, two workers, a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser

from tests.console.browser import PHONE, WIDE, Visit, needs_chromium, opened, visit
from tests.console.known import HOSTILE
from tests.console.topics import letter, value
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Tracker
from tests.support.kafka import Names, create_topics, produce, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.process, needs_chromium]

DEAD, DELIVERED = 500, 30
NAME = "momentscience"
CONSOLE = ("console", "--allow-actions", "--port", "0")


class World(NamedTuple):
    """A partner that takes everything, two workers, a console, and where that is."""

    tracker: Tracker
    workers: tuple[Program, Program]
    base: str


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The one browser."""
    with opened() as one:
        yield one


@pytest.fixture(scope="module")
def world(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Some conversions that were delivered, and many dead letters; ids of both try to be more than text."""
    names, at = Names.fresh("console"), tmp_path_factory.mktemp("console")
    create_topics(kafka, {names.topic: 2})
    with Tracker() as tracker:
        env = settings(kafka, names, tracker, RETRY__DELAYS="5m")
        assert call("topics", "create", env=env, at=at).returncode == 0
        odd = [value(f"e-{number}", click_id=text) for number, text in enumerate(HOSTILE)]
        ids = [value(text[:128]) for text in HOSTILE if text.isascii()]
        produce(kafka, names.topic, [*odd, *ids, *(value(f"live-{number}") for number in range(DELIVERED))])
        produce(kafka, names.dlq, [letter(f"dead-{number}", status=500) for number in range(DEAD)])
        with (
            Program(env, at) as first,
            Program(env, at) as second,
            Program(env, at, words=CONSOLE) as console,
        ):
            base = console.said("started")["console"].rstrip("/")
            tracker.asked(len(odd) + len(ids) + DELIVERED)
            yield World(tracker, (first, second), base)
            assert console.end() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_views(world: World, browser: Browser, theme: str) -> None:
    """Each view shows what is known, as text; no request leaves, a phone is wide enough, axe is content."""
    with visit(browser, world.base, color_scheme=theme) as on:
        on.go("/")
        on.page.get_by_role("heading", name=NAME).wait_for()
        on.waits_for("workers")
        _judge(on)
        on.go(f"/flow/{NAME}")
        on.waits_for("Published, and delivered")
        legend = on.page.locator("#plot-came .legend li")
        legend.filter(has_text=f"delivered {DELIVERED + 9}").wait_for()
        _judge(on)
        for text in (one for one in HOSTILE if one.isascii()):
            on.go(f"/conversion?by=event_id&id={quote(text[:128], safe='')}")
            assert on.page.locator(".life h2").inner_text() == text[:128]
            assert "delivered at attempt 1" in on.text()
        on.go(f"/conversion?by=click_id&id={quote(HOSTILE[2], safe='')}")
        assert "delivered at attempt 1" in on.text()
        _judge(on)
        on.go(f"/undelivered/{NAME}")
        on.page.get_by_role("link", name=f"Show {DEAD} dead").click()
        assert f"50 shown of {DEAD} that match" in on.text()
        _judge(on)
        on.page.get_by_role("link", name="0/", exact=False).first.click()
        assert "HTTP 500" in on.text()
        _judge(on)
        on.go(f"/destination/{NAME}")
        assert "click_id=9f8e7d6c5b4a3928" in on.text()
        _judge(on)


def _judge(on: Visit) -> None:
    """Nothing serious is wrong with a page, at either width."""
    assert on.faults() == []
    for width in (PHONE, WIDE):
        on.page.set_viewport_size({"width": width, "height": 900})
        assert not on.is_wider_than_it_may_be()


def test_without_scripts(world: World, browser: Browser) -> None:
    """Each view shows its content, and leads to the others, where no script may run."""
    with visit(browser, world.base, java_script_enabled=False) as on:
        on.go("/")
        for name in ("Flow", "Conversion", "Undelivered", "Destination"):
            on.page.get_by_role("link", name=name, exact=True).first.click()
            assert on.page.locator("nav [aria-current=page]").inner_text() == name


def test_pause_and_resume_by_keyboard(world: World, browser: Browser) -> None:
    """A person without a mouse pauses and resumes; two workers see it, and the page says who, and why."""
    with visit(browser, world.base) as on:
        keys = on.page.keyboard
        on.go(f"/destination/{NAME}")
        keys.press("Tab")
        assert _focused(on) == "To the content"
        keys.press("Enter")
        _tab_to(on, "who-pause")
        assert on.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        keys.type("anna")
        _tab_to(on, "because-pause")
        keys.type("<b>a test</b>")
        keys.press("Enter")
        on.waits_for("paused")
        on.waits_for("by anna@console")
        on.waits_for("<b>a test</b>")
        _held(world, 1)
        _tab_to(on, "who-resume")
        keys.press("Enter")
        on.waits_for("ended: paused")
        _held(world, 0)
        on.waits_for("None: nothing is paused")


def _focused(on: Visit) -> str:
    return str(on.page.evaluate("document.activeElement.id || document.activeElement.textContent"))


def _tab_to(on: Visit, element: str) -> None:
    """Press Tab until an element has the focus: each may be left again."""
    for _ in range(60):
        on.page.keyboard.press("Tab")
        if _focused(on) == element:
            return
    raise AssertionError(f"{element} is not reached")


def _held(world: World, value: int) -> None:
    """Wait until both workers are held by a pause, or not."""
    for worker in world.workers:
        wait_until("the pause is seen", lambda: worker.metric("postback_held", why="pause") == value)  # noqa: B023


def test_replay_with_a_reload(world: World, browser: Browser) -> None:
    """A replay of many is begun from the page, goes on through a reload of it, and sends each one once."""
    before = len(world.tracker.hits)
    with visit(browser, world.base) as on:
        on.go(f"/undelivered/{NAME}?kind=dead&status=500")
        on.page.get_by_role("link", name="Replay these").click()
        assert f"replay {DEAD} dead letters to" in on.text()
        on.page.get_by_label("Your name").fill("anna")
        on.page.get_by_label("At most a second").fill("35")  # it lasts until the page is there again
        on.page.get_by_role("button", name="Replay", exact=True).click()
        on.page.locator(".replay.running progress[value]").wait_for()
        on.page.reload()
        on.page.locator(".replay.running").wait_for()
        assert "by anna@console" in on.text()
        on.page.locator(".replay.done").wait_for(timeout=60_000)
        on.waits_for(f"{DEAD} of {DEAD} are on the source")
        world.tracker.asked(before + DEAD)
        on.waits_for("Nothing waits, and nothing is dead")
    clicks = [hit.query["click_id"] for hit in world.tracker.hits[before:]]
    assert len(clicks) == len(set(clicks)) == DEAD
