"""Pictures of the console, of known data: `docs/console.png` for the README, or each view to be looked at.

`python -m tests.console.picture` makes the one anew, `python -m tests.console.picture FOLDER` all of them.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from playwright.sync_api import Browser

from tests.console.browser import PHONE, WIDE, opened
from tests.console.fake_actions import FakeActions
from tests.console.fake_watch import FakeWatch
from tests.console.known import calm_watch, deployment, watch
from worker.console.actions import ReplayPreview
from worker.console.server import ConsoleServer

README = Path(__file__).parents[2] / "docs/console.png"
VIEWS = {
    "verdict": "",
    "flow": "flow/binom",
    "conversion": "conversion?by=event_id&id=%3Cscript%3Ealert(1)%3C/script%3E",
    "undelivered": "undelivered/binom?kind=dead",
    "row": "undelivered/binom/row/0/0",
    "ask": "act/binom/replay?reason=exhausted",
    "destination": "destination/binom",
}
SHORT, TALL = 560, 900


async def main(folder: Path | None) -> None:
    """Serve known data, and take the pictures."""
    actions = FakeActions()
    actions.preview = ReplayPreview(500, 12, {"expired": 3}, goes_on=False, faults=())
    known: FakeWatch = (calm_watch if folder is None else watch)(time.time())
    server = ConsoleServer(deployment(console__allow_actions="true"), known, actions)
    await server.start("127.0.0.1", 0)
    try:
        await asyncio.to_thread(_take, server.url, folder)
    finally:
        await server.close()


def _take(url: str, folder: Path | None) -> None:
    with opened() as browser:
        if folder is None:
            _shoot(browser, url, README, "light", WIDE, SHORT)
            return
        folder.mkdir(parents=True, exist_ok=True)
        for theme in ("light", "dark"):
            for width in (WIDE, PHONE):
                for name, path in VIEWS.items():
                    _shoot(browser, url + path, folder / f"{name}-{theme}-{width}.png", theme, width)


def _shoot(browser: Browser, url: str, file: Path, theme: str, width: int, height: int | None = None) -> None:
    context = browser.new_context(
        color_scheme="dark" if theme == "dark" else "light",
        viewport={"width": width, "height": height or TALL},
    )
    page = context.new_page()
    page.goto(url)
    page.wait_for_timeout(300)  # for the word that says that it is live
    page.screenshot(path=file, full_page=height is None)
    context.close()
    print(file)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
