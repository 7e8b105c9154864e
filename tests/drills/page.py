"""The console beside an incident: what its pages show, and what is ended from it, by its own forms.

The rule: it is asked as a browser without scripts asks: pages are read, and forms sent as they stand there.
"""

from __future__ import annotations

import html
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http.cookiejar import CookieJar
from typing import NamedTuple

WITHIN_SECONDS = 60.0
WHO = "drill"


class Shown(NamedTuple):
    """What of an incident is seen on which view of its destination."""

    view: str
    text: str

    def __str__(self) -> str:
        return f"{self.view}: {self.text}"


class Deed(NamedTuple):
    """What ends an incident on the page: an action, with what its form is given."""

    action: str
    fields: Mapping[str, str]

    def __str__(self) -> str:
        given = "".join(f", {name} {value}" for name, value in self.fields.items())
        return {"now": "send now", "resume": "resume", "replay": "replay"}[self.action] + given


class Console:
    """A console that listens on a port of this machine, and the browser that asks it."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"
        self._open = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar())).open

    def answers(self) -> bool:
        """Whether it serves its first view."""
        try:
            return bool(self.text("verdict", ""))
        except (urllib.error.URLError, OSError):
            return False

    def text(self, view: str, destination: str) -> str:
        """What is read on a view, in one line."""
        return read(self._get("/" if view == "verdict" else f"/{view}/{destination}"))

    def do(self, deed: Deed, destination: str) -> str:
        """Ask for it, agree, and return what is read then; resume asks nothing."""
        act, asked = f"/act/{destination}/{deed.action}", urllib.parse.urlencode(deed.fields)
        is_asked = deed.action != "resume"
        page = self._get(f"{act}?{asked}" if is_asked else f"/destination/{destination}")
        csrf = re.search(r'name="csrf" value="([^"]+)"', page)
        assert csrf is not None, read(page)
        form = {**deed.fields, "csrf": csrf[1], "who": WHO}
        sent = urllib.parse.urlencode(form).encode()
        with self._open(f"{self._base}{act}", sent, timeout=WITHIN_SECONDS) as answer:
            return read(answer.read().decode())

    def _get(self, path: str) -> str:
        with self._open(f"{self._base}{path}", timeout=WITHIN_SECONDS) as answer:
            return str(answer.read().decode())


def read(page: str) -> str:
    """The text of a page's main part, in one line."""
    main = page.partition("<main")[2].partition(">")[2].partition("</main>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split())
