"""Renders the pages from templates.

The rules: every value is escaped; a template that uses a missing value is an error.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from worker.console import words
from worker.console.guard import SESSION
from worker.console.sessions import Session
from worker.core.flow_diagnosis import FlowVerdict
from worker.core.leaderless import no_leader

WHO_HEADER = "X-Forwarded-User"
"""The header in which a proxy in front may name the user."""

LIVE_HEADER = "X-Live"
"""The header with which `console.js` asks for updates."""

STATIC = ("console.css", "console.js", "icon.svg")
VIEWS = ("verdict", "flow", "conversion", "undelivered", "destination")
_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


class Site(NamedTuple):
    """The values for every page: its path prefix, the allowed actions, and the destinations."""

    base: str
    may_act: bool
    has_login: bool
    destinations: Sequence[str]


class Pages:
    """Renders templates as answers, for one site."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def answer(self, request: web.Request, name: str, *, status: int = 200, **values: object) -> web.Response:
        """Render a template; with a `version` among the values, the page follows changes after it."""
        session = request.get(SESSION) or Session(0.0)
        told = {"version": None, "destination": None, "view": None, **values}
        html = (
            _templates()
            .get_template(f"{name}.html")
            .render(
                site=self.site,
                base=self.site.base,
                asset=self._asset,
                now=time.time(),
                csrf=session.csrf,
                note="" if is_live(request) else session.take_note(),
                is_known=SESSION in request,
                who=who_by_proxy(request) or session.who,
                by_proxy=who_by_proxy(request) is not None,
                **told,
            )
        )
        body = html.encode(errors="backslashreplace")  # a record may hold a lone surrogate
        return web.Response(body=body, status=status, content_type="text/html", charset="utf-8")

    def problem(
        self, request: web.Request, status: int, lines: Sequence[str], hint: str | None = None
    ) -> web.Response:
        """Render an error, a line for each reason."""
        return self.answer(request, "problem", status=status, lines=lines, hint=hint)

    def _asset(self, name: str) -> str:
        return f"{self.site.base}/static/{_digest(name)}/{name}"


def static_file(name: str, digest: str) -> web.Response:
    """Serve a file that the pages link to; browsers may keep it only if the digest is of these contents."""
    if name not in STATIC:
        raise web.HTTPNotFound
    body, kind = _folder().joinpath(name).read_bytes(), _TYPES[name.rpartition(".")[2]]
    headers = {"Cache-Control": "max-age=31536000, immutable"} if digest == _digest(name) else None
    return web.Response(body=body, content_type=kind, headers=headers)


def who_by_proxy(request: web.Request) -> str | None:
    """The user as named by a proxy in front; None without one."""
    return request.headers.get(WHO_HEADER, "").strip() or None


def is_live(request: web.Request) -> bool:
    """Whether an open page asks only for its changed parts."""
    return LIVE_HEADER in request.headers


def _shape(verdict: FlowVerdict | None) -> str:
    return words.SHAPES[verdict]


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("worker.console", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        count=words.count, span=words.span, clock=words.clock, spoken=words.spoken, minute=words.minute
    )
    made.filters["no_leader"] = no_leader
    made.globals.update(views=VIEWS, machine=words.machine, shape=_shape, drawn=Markup)
    return made


@cache
def _digest(name: str) -> str:
    """A digest for a file's address: changed contents get another address, so browsers may cache for ever."""
    return blake2b(_folder().joinpath(name).read_bytes(), digest_size=6).hexdigest()


def _folder() -> Traversable:
    return files("worker.console").joinpath("static")
