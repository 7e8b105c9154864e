"""Logging in and out.

The rule: a wrong token is answered only with "wrong", and after several none is checked for a while; a
session begins only with the right token.
"""

from __future__ import annotations

import time
from math import ceil

from aiohttp import web

from worker.console.guard import COOKIE, Guard, form_of
from worker.console.pages import Pages
from worker.console.sessions import Sessions, WrongTokens, same


class LoginForm:
    """The login form and its handlers."""

    def __init__(self, token: str, pages: Pages, sessions: Sessions, guard: Guard) -> None:
        self._token = token
        self._pages = pages
        self._sessions = sessions
        self._guard = guard
        self._tries = WrongTokens()

    async def show(self, request: web.Request) -> web.Response:
        """Show the form."""
        return self._form(request, 200)

    async def enter(self, request: web.Request) -> web.StreamResponse:
        """Begin a session with the right token."""
        address, now = request.remote or "", time.monotonic()
        wait = self._tries.wait(address, now)
        if wait:
            response = self._form(request, 429, f"too many wrong tokens: wait {ceil(wait)} s")
            response.headers["Retry-After"] = str(ceil(wait))
            return response
        if not same((await form_of(request)).get("token", ""), self._token):
            self._tries.was_wrong(address, now)
            return self._form(request, 403, "this is not the token")
        name, _ = self._sessions.begin(now)
        response = web.HTTPSeeOther(f"{self._pages.site.base}/")
        self._guard.set_cookie(request, response, name)
        raise response

    async def leave(self, request: web.Request) -> web.StreamResponse:
        """End the session."""
        self._sessions.end(request.cookies.get(COOKIE))
        response = web.HTTPSeeOther(f"{self._pages.site.base}/login")
        response.del_cookie(COOKIE, path=self._pages.site.base or "/")
        raise response

    def _form(self, request: web.Request, status: int, problem: str | None = None) -> web.Response:
        return self._pages.answer(request, "login", status=status, problem=problem)
