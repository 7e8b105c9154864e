"""The page's actions: each is confirmed first, with the command's own question and counts, then done.

The rules: an action needs a form of this session; it names who acts, and so does the record it writes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple, ParamSpec, TypeVar
from urllib.parse import quote

from aiohttp import web

from worker.console import forms
from worker.console.actions import Actions, ReplayPreview
from worker.console.guard import SESSION, form_of
from worker.console.pages import Pages, who_by_proxy
from worker.console.threads import Threads
from worker.core.orders import Order, OrderEnd, described
from worker.ops.errors import CannotDo, WrongUsage
from worker.ops.orders import Giver, must_name
from worker.settings import Deployment

_Given = ParamSpec("_Given")
_Got = TypeVar("_Got")

PLACE = "console"
"""An order from here is given by `NAME@console`."""


class ActionRequest(NamedTuple):
    """A requested action: its destination, who asks, and the form's fields."""

    destination: str
    giver: Giver
    fields: Mapping[str, str]


class Question(NamedTuple):
    """The confirmation before an action: what will happen, and how much it affects now."""

    action: str
    text: str
    counts: Mapping[str, int]
    button: str
    fields: Mapping[str, str]
    """The form's contents: exactly what was counted, whenever the form is sent."""
    preview: ReplayPreview | None = None

    @property
    def total(self) -> int:
        """The total number affected."""
        return sum(self.counts.values())


class ActionPages:
    """Confirms and performs the page's actions."""

    def __init__(self, deployment: Deployment, pages: Pages, actions: Actions, threads: Threads) -> None:
        self._deployment = deployment
        self._pages = pages
        self._actions = actions
        self._threads = threads
        self._questions: Mapping[str, Callable[[str, forms.FormFields], Question]] = {
            "replay": self._ask_replay,
            "now": self._ask_now,
            "drop": self._ask_drop,
            "cancel": self._ask_cancel,
        }
        self._acts: Mapping[str, Callable[[ActionRequest], str]] = {
            "pause": self._pause,
            "resume": self._resume,
            "rate": self._rate,
            "replay": self._replay,
            "go-on": self._go_on,
            "stop": self._stop,
            "now": self._now,
            "drop": self._drop,
            "cancel": self._cancel,
            "end-cancel": self._end_cancel,
        }

    async def ask(self, request: web.Request) -> web.Response:
        """Show how much an action affects and ask for confirmation; do nothing yet."""
        name, make = self._destination(request), self._questions.get(request.match_info["action"])
        if make is None:
            raise web.HTTPNotFound
        question = await self._call(name, make, name, request.query)
        return self._pages.answer(
            request,
            "ask",
            view="undelivered",
            destination=name,
            question=question,
        )

    async def act(self, request: web.Request) -> web.StreamResponse:
        """Do it, and report it on the page that shows the result."""
        name, do = self._destination(request), self._acts.get(request.match_info["action"])
        if do is None:
            raise web.HTTPNotFound
        form = await form_of(request)
        session = request[SESSION]
        by = forms.who(who_by_proxy(request) or form.get("who", "") or _nobody(request))
        session.who = form.get("who", session.who)
        asked = ActionRequest(name, Giver(f"{by}@{PLACE}", time.time(), forms.why(form)), form)
        session.note = await self._call(name, do, asked)
        back = "undelivered" if request.match_info["action"] in _OF_UNDELIVERED else "destination"
        raise web.HTTPSeeOther(f"{self._pages.site.base}/{back}/{quote(name)}")

    async def _call(
        self, destination: str, function: Callable[_Given, _Got], *args: _Given.args, **named: _Given.kwargs
    ) -> _Got:
        """Call Kafka in a thread; raise CannotDo that names missing rights."""
        try:
            return await self._threads.call(function, *args, **named)
        except CannotDo as error:
            raise await self._threads.call(self._actions.with_lacking_rights, destination, error) from error

    def _destination(self, request: web.Request) -> str:
        name = request.match_info["destination"]
        if name not in self._deployment.names:
            raise web.HTTPNotFound
        return name

    # --- what is asked -------------------------------------------------------------------------------

    def _ask_replay(self, destination: str, fields: forms.FormFields) -> Question:
        preview = self._actions.preview_replay(destination, forms.replay_asked(fields))
        text = f"replay {preview.going} dead letter{'s' * (preview.going != 1)} to {self._topic}?"
        said = {key: value for key, value in fields.items() if value}
        return Question("replay", text, {"dead letters": preview.going}, "Replay", said, preview)

    def _ask_now(self, destination: str, fields: forms.FormFields) -> Question:
        wanted = forms.event_filter(fields, time.time())
        found = self._actions.pending(destination, wanted, waiting=True)
        text = f"send what waits and is {wanted} now?"
        return Question("now", text, found.counts, "Send now", dict(wanted.wanted))

    def _ask_drop(self, destination: str, fields: forms.FormFields) -> Question:
        wanted = forms.event_filter(fields, time.time())
        must_name(wanted)
        found = self._actions.pending(destination, wanted, waiting=True)
        text = f"end what waits and is {wanted}?"
        return Question("drop", text, found.counts, "End as cancelled", dict(wanted.wanted))

    def _ask_cancel(self, destination: str, fields: forms.FormFields) -> Question:
        wanted = forms.event_filter(fields, time.time())
        must_name(wanted)
        found = self._actions.pending(destination, wanted, waiting=False)
        text = f"cancel what matches {wanted}, and what comes meanwhile?"
        return Question("cancel", text, found.counts, "Cancel them", dict(wanted.wanted))

    # --- what is done --------------------------------------------------------------------------------

    def _pause(self, asked: ActionRequest) -> str:
        return _told(self._actions.pause(asked.destination, asked.giver, forms.text(asked.fields, "for")))

    def _resume(self, asked: ActionRequest) -> str:
        ended = self._actions.resume(asked.destination, asked.giver)
        return "no pause stood" if ended is None else f"ended: {described(ended)}"

    def _rate(self, asked: ActionRequest) -> str:
        rate = None if asked.fields.get("off") else forms.per_second(asked.fields)
        if rate is None and not asked.fields.get("off"):
            raise WrongUsage(["rate: say how many attempts a second"])
        for_ = forms.text(asked.fields, "for")
        return _told(self._actions.rate(asked.destination, asked.giver, rate, for_))

    def _now(self, asked: ActionRequest) -> str:
        wanted = forms.event_filter(asked.fields, asked.giver.now)
        return _told(self._actions.send_now(asked.destination, asked.giver, wanted))

    def _drop(self, asked: ActionRequest) -> str:
        wanted = forms.event_filter(asked.fields, asked.giver.now)
        return _told(self._actions.drop(asked.destination, asked.giver, wanted))

    def _cancel(self, asked: ActionRequest) -> str:
        wanted, for_ = forms.event_filter(asked.fields, asked.giver.now), forms.text(asked.fields, "for")
        return _told(self._actions.cancel(asked.destination, asked.giver, wanted, for_))

    def _end_cancel(self, asked: ActionRequest) -> str:
        ended = self._actions.end_cancel(asked.destination, asked.giver, asked.fields.get("id", ""))
        return f"ended: {described(ended)}"

    def _replay(self, asked: ActionRequest) -> str:
        wanted, rate = forms.replay_asked(asked.fields), forms.per_second(asked.fields)
        return _begun(self._actions.replay(asked.destination, asked.giver, wanted, rate))

    def _go_on(self, asked: ActionRequest) -> str:
        own_id, rate = asked.fields.get("id", ""), forms.per_second(asked.fields)
        return _begun(self._actions.go_on(asked.destination, asked.giver, own_id, rate))

    def _stop(self, asked: ActionRequest) -> str:
        self._actions.stop(asked.destination, asked.fields.get("id", ""))
        return "the replay is broken off; it can go on from here"

    @property
    def _topic(self) -> str:
        return self._deployment.common.kafka.topic


_OF_UNDELIVERED = frozenset({"replay", "go-on", "stop", "now", "drop", "cancel"})


def _nobody(request: web.Request) -> str:
    """Stopping a replay needs no name, as it writes no record."""
    return "somebody" if request.match_info["action"] == "stop" else ""


def _told(order: Order | OrderEnd) -> str:
    return described(order)


def _begun(replay_id: str | None) -> str:
    return "nothing is left to send" if replay_id is None else f"the replay {replay_id} has begun"
