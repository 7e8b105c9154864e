"""The checks on each request, and the security headers of each answer.

The rules: without a token, only this machine's own host names are accepted (against DNS rebinding); a change
needs a POST from this site with the session's form text (against CSRF); answers are not cached.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from worker.console.sessions import Session, Sessions
from worker.ops.errors import BrokerUnavailable, CannotDo, WrongUsage
from worker.settings.console import is_loopback

COOKIE = "postback_console"
CSRF_FIELD = "csrf"
NAMES_OF_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "[::1]"})
MOST_FORM_BYTES = 64 * 1024

SESSION: web.RequestKey[Session] = web.RequestKey("session", Session)

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_WORDS = {
    404: "there is no such page",
    405: "this is not done so: nothing is done by a link",
    413: "this form is too large",
}
_SAFE = frozenset({"GET", "HEAD"})
_OF_THIS_SITE = frozenset({"same-origin", "none"})


class AccessRules(NamedTuple):
    """How a console is served: its address, its path prefix, and whether one must log in."""

    host: str
    base: str
    """Without a trailing slash: empty for `/`."""
    needs_login: bool
    login_path: str
    open_prefix: str
    """Paths with this prefix need no login: the style of the login form."""


class RequestRefused(Exception):
    """A refused request: the status to answer, and a line on why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Shows(Protocol):
    """Renders errors."""

    def problem(
        self, request: web.Request, status: int, lines: Sequence[str], hint: str | None = None
    ) -> web.Response:
        """A line for each reason."""
        ...


class Guard:
    """The middleware in front of every route; `pages` renders refusals and errors."""

    def __init__(self, rules: AccessRules, sessions: Sessions, pages: Shows) -> None:
        self._rules = rules
        self._sessions = sessions
        self._pages = pages

    @property
    def middleware(self) -> Middleware:
        """The aiohttp middleware."""

        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                return await self._handle(request, handler)
            except RequestRefused as refused:
                return self._pages.problem(request, refused.status, [str(refused)])
            except web.HTTPError as error:
                return self._pages.problem(request, error.status, [_WORDS.get(error.status, error.reason)])
            except CannotDo as error:
                return self._pages.problem(request, _status(error), error.reasons, error.hint)

        return guarded

    async def sign(self, _request: web.Request, response: web.StreamResponse) -> None:
        """Add the headers to an answer before its first byte is sent."""
        response.headers.update(_HEADERS)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.popall("Server", None)

    def set_cookie(self, request: web.Request, response: web.StreamResponse, name: str) -> None:
        """Set the session cookie: for this site only, and out of reach of scripts."""
        response.set_cookie(
            COOKIE,
            name,
            path=self._rules.base or "/",
            httponly=True,
            samesite="Strict",
            secure=is_encrypted(request),
        )

    async def _handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._check_host(request)
        if request.path.startswith(self._rules.open_prefix):
            return await handler(request)
        self._check_site(request)
        if request.path == self._rules.login_path:
            return await handler(request)
        return await self._in_session(request, handler)

    async def _in_session(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        now, name = time.monotonic(), request.cookies.get(COOKIE)
        session, fresh = self._sessions.get(name, now), None
        if session is None and self._rules.needs_login:
            return self._to_login(request)
        if session is None:
            fresh, session = self._sessions.begin(now)
        request[SESSION] = session
        await self._check_form(request, session)
        response = await handler(request)
        if fresh is not None and not response.prepared:
            self.set_cookie(request, response, fresh)
        return response

    def _to_login(self, request: web.Request) -> web.StreamResponse:
        if request.method in _SAFE and "text/html" in request.headers.get("Accept", "text/html"):
            raise web.HTTPSeeOther(self._rules.login_path)
        raise RequestRefused(401, "log in first: this session has ended")

    def _check_host(self, request: web.Request) -> None:
        """Without a token, refuse host names that another site could point at this machine."""
        if self._rules.needs_login:
            return
        name = _without_port(request.headers.get("Host", "")).lower()
        if name in NAMES_OF_THIS_MACHINE or (name == self._rules.host and is_loopback(name)):
            return
        raise RequestRefused(421, "the console answers to localhost; behind another name it takes a token")

    def _check_site(self, request: web.Request) -> None:
        """A change must come from a page of this site, as far as the browser tells."""
        if request.method not in _SAFE and request.headers.get("Sec-Fetch-Site", "none") not in _OF_THIS_SITE:
            raise RequestRefused(403, "another site's form is not taken")

    async def _check_form(self, request: web.Request, session: Session) -> None:
        if request.method in _SAFE:
            return
        if not session.is_form_of((await form_of(request)).get(CSRF_FIELD, "")):
            raise RequestRefused(
                403, "this form is not of this session: open the page again, and send it from there"
            )


async def form_of(request: web.Request) -> Mapping[str, str]:
    """The fields of a form as our pages send it, in UTF-8; raise RequestRefused for any other."""
    is_ours = not request.content_type.startswith("multipart/")
    try:
        if is_ours and (request.charset or "utf-8").lower() == "utf-8":
            return {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
    except UnicodeDecodeError:
        pass
    raise RequestRefused(400, "this form can't be read: it must be URL-encoded, in UTF-8")


def _status(error: CannotDo) -> int:
    if isinstance(error, WrongUsage):
        return 400
    return 503 if isinstance(error, BrokerUnavailable) else 409


def is_encrypted(request: web.Request) -> bool:
    """Whether the browser uses TLS, to us or to a proxy in front."""
    return request.secure or request.headers.get("X-Forwarded-Proto", "").lower() == "https"


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]
