"""The console's server: its routes and parts.

The rule: if actions are not allowed, there is no route that acts.
"""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from worker.console.acting import ActionPages
from worker.console.actions import Actions
from worker.console.events import Events
from worker.console.guard import MOST_FORM_BYTES, AccessRules, Guard
from worker.console.login import LoginForm
from worker.console.pages import Pages, Site, static_file
from worker.console.sessions import Sessions
from worker.console.threads import Threads
from worker.console.views import Views
from worker.console.watch import Watch
from worker.core.hosts import at_port
from worker.settings import Deployment

CLOSE_SECONDS = 2.0


class ConsoleServer:
    """Serves the pages of a deployment from a watch; `actions` performs what is asked for."""

    def __init__(self, deployment: Deployment, watch: Watch, actions: Actions) -> None:
        console = deployment.common.console
        token = None if console.token is None else console.token.get_secret_value()
        base = console.base_path.rstrip("/")
        self._pages = Pages(Site(base, console.allow_actions, token is not None, deployment.names))
        self._sessions = Sessions()
        rules = AccessRules(console.host, base, token is not None, f"{base}/login", f"{base}/static/")
        guard = Guard(rules, self._sessions, self._pages)
        self._app = web.Application(middlewares=[guard.middleware], client_max_size=MOST_FORM_BYTES)
        self._app.on_response_prepare.append(guard.sign)
        self._events = Events(watch, self._sessions, token is not None)
        self._app.on_shutdown.append(self._end_events)
        self._threads = Threads()
        self._add_views(Views(deployment, self._pages, watch, self._threads))
        if token is not None:
            login = LoginForm(token, self._pages, self._sessions, guard)
            self._get("/login", login.show)
            self._post("/login", login.enter)
            self._post("/logout", login.leave)
        if console.allow_actions:
            self._add_actions(ActionPages(deployment, self._pages, actions, self._threads))
        self._runner = web.AppRunner(
            self._app, access_log=None, handle_signals=False, shutdown_timeout=CLOSE_SECONDS
        )
        self.address: tuple[str, int] = ("", 0)

    async def start(self, host: str, port: int) -> None:
        """Listen; raise OSError if the address is not available. `address` is where it listens."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        self.address = self._runner.addresses[0][:2]

    async def close(self) -> None:
        """Stop listening, within a few seconds."""
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The address of the first view."""
        return f"http://{at_port(*self.address)}{self._pages.site.base}/"

    def _add_views(self, views: Views) -> None:
        if self._pages.site.base:
            self._get("", self._with_slash)
        self._get("/", views.verdict)
        self._get("/conversion", views.conversion)
        for name, view in (
            ("flow", views.flow),
            ("undelivered", views.undelivered),
            ("destination", views.destination),
        ):
            self._get(f"/{name}", views.first)
            self._get(f"/{name}/{{destination}}", view)
        self._get("/undelivered/{destination}/row/{place:.+}", views.row)
        self._get("/events", self._events.stream)
        self._get("/static/{digest}/{name}", _static)

    def _add_actions(self, acting: ActionPages) -> None:
        self._get("/act/{destination}/{action}", acting.ask)
        self._post("/act/{destination}/{action}", acting.act)

    def _get(self, path: str, handler: Handler) -> None:
        self._app.router.add_get(self._pages.site.base + path, handler)

    def _post(self, path: str, handler: Handler) -> None:
        self._app.router.add_post(self._pages.site.base + path, handler)

    async def _with_slash(self, _request: web.Request) -> web.StreamResponse:
        """Redirect the path prefix as it is set to the first view."""
        raise web.HTTPSeeOther(f"{self._pages.site.base}/")

    async def _end_events(self, _app: web.Application) -> None:
        await self._events.close()


async def _static(request: web.Request) -> web.StreamResponse:
    return static_file(request.match_info["name"], request.match_info["digest"])
