"""The five views, in the order of an incident: verdict, flow, one conversion, undelivered, destination.

The rule: a view only shows; slow work runs in a thread, for at most as many viewers at a time as there are
threads.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from aiohttp import web

from worker.console import forms, plots, words
from worker.console.pages import Pages, is_live
from worker.console.threads import Threads
from worker.console.watch import DestinationSnapshot, Watch
from worker.core.orders import described
from worker.core.undelivered import UndeliveredGroup
from worker.ops import destinations
from worker.ops.status import as_json, circuit_of, per_second
from worker.settings import Deployment

SINCE = "48h"


class Views:
    """Renders what a watch knows of a deployment."""

    def __init__(self, deployment: Deployment, pages: Pages, watch: Watch, threads: Threads) -> None:
        self._deployment = deployment
        self._pages = pages
        self._watch = watch
        self._threads = threads

    async def verdict(self, request: web.Request) -> web.Response:
        """The verdict of each destination, the gravest first."""
        seen = sorted(map(self._watch.seen, self._deployment.names), key=_gravity)
        return self._pages.answer(
            request,
            "verdict",
            view="verdict",
            version=self._watch.version,
            cards=[_card(one) for one in seen],
        )

    async def flow(self, request: web.Request) -> web.Response:
        """The last hour of a destination."""
        seen = self._seen(request)
        return self._pages.answer(
            request,
            "flow",
            view="flow",
            destination=seen.destination,
            version=self._watch.version,
            seen=seen,
            plots=plots.flow_plots(seen.hour),
        )

    async def conversion(self, request: web.Request) -> web.Response:
        """The life of one conversion, or of those of a click or an order, at all destinations."""
        wanted = forms.wanted_conversion(request.query)
        since = forms.text(request.query, "since") or SINCE
        found = None
        if wanted is not None:
            found = await self._threads.call(self._watch.search, wanted, since)
        return self._pages.answer(
            request,
            "conversion",
            view="conversion",
            wanted=wanted,
            since=since,
            found=None if found is None else list(reversed(found)),
        )

    async def undelivered(self, request: web.Request) -> web.Response:
        """Waiting conversions and dead letters, grouped by failure; and the selected rows."""
        seen, kind, rows = self._seen(request), forms.kind(request.query), None
        given = forms.given(request.query, kind)
        if (given or "kind" in request.query) and not is_live(request):
            asked = forms.rows_asked(request.query, time.time())
            rows = await self._threads.call(self._watch.rows, seen.destination, asked)
        return self._pages.answer(
            request,
            "undelivered",
            view="undelivered",
            destination=seen.destination,
            version=self._watch.version,
            seen=seen,
            groups=[_group(one) for one in seen.undelivered],
            kind=kind,
            given=given,
            names=forms.names(kind),
            meant=forms.meant(request.query),
            rows=rows,
        )

    async def row(self, request: web.Request) -> web.Response:
        """One whole row."""
        seen = self._seen(request)
        row = await self._threads.call(self._watch.row, seen.destination, request.match_info["place"])
        return self._pages.answer(
            request,
            "row",
            view="undelivered",
            destination=seen.destination,
            row=row,
            letter=json.loads(row.letter.to_json()),
            pretty=_pretty(row.letter.value),
        )

    async def destination(self, request: web.Request) -> web.Response:
        """A destination's settings, a sample request, and its standing orders."""
        seen = self._seen(request)
        return self._pages.answer(
            request,
            "destination",
            view="destination",
            destination=seen.destination,
            version=self._watch.version,
            seen=seen,
            shown=destinations.show(self._deployment, seen.destination),
            state=_state(seen),
        )

    async def first(self, request: web.Request) -> web.StreamResponse:
        """Redirect a view without a destination to the first one's."""
        raise web.HTTPSeeOther(f"{request.path.rstrip('/')}/{self._deployment.names[0]}")

    def _seen(self, request: web.Request) -> DestinationSnapshot:
        name = request.match_info["destination"]
        if name not in self._deployment.names:
            raise web.HTTPNotFound
        return self._watch.seen(name)


class Card(NamedTuple):
    """A destination in the first view."""

    seen: DestinationSnapshot
    shape: str
    facts: Mapping[str, Any]
    spark: str


def _card(seen: DestinationSnapshot) -> Card:
    spark = plots.sparkline("Delivered", [one.delivered for one in seen.hour])
    if seen.status is None:
        return Card(seen, "still", {}, spark)
    return Card(seen, words.SHAPES[seen.status.judged.verdict], _facts(seen), spark)


def _facts(seen: DestinationSnapshot) -> Mapping[str, Any]:
    if seen.status is None:
        return {}
    flow = seen.status.flow
    failing = {status: per_second(flow.steps, number) for status, number in flow.steps.failed.items()}
    return {
        "lag": flow.lag,
        "oldest": flow.oldest,
        "waiting": sum(tier.waiting for tier in flow.tiers),
        "overdue": flow.overdue,
        "delivered": per_second(flow.steps, flow.steps.delivered),
        "failing": failing,
        "dead": flow.dead_letters,
        "circuit": circuit_of(flow),
        "members": flow.members,
    }


def _gravity(seen: DestinationSnapshot) -> tuple[int, str]:
    shape = "still" if seen.status is None else words.SHAPES[seen.status.judged.verdict]
    return words.GRAVITY.index(shape), seen.destination


class GroupLink(NamedTuple):
    """A group, and the URL query that shows its rows."""

    group: UndeliveredGroup
    query: Mapping[str, str]


def _group(group: UndeliveredGroup) -> GroupLink:
    named = {**group.key._asdict(), "kind": group.kind.value, "whole": 1}
    return GroupLink(group, {name: str(value) for name, value in named.items() if value is not None})


def _pretty(value: bytes | None) -> str:
    """Format a record's value as indented JSON if it is JSON, else return it as text."""
    text = "" if value is None else value.decode("utf-8", "backslashreplace")
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _state(seen: DestinationSnapshot) -> Mapping[str, Any]:
    """What a destination's workers report, and their standing orders."""
    if seen.status is None:
        return {}
    flow = seen.status.flow
    orders = [{"order": order, "key": order.key, "text": described(order)} for order in flow.orders]
    return {**as_json(seen.status), "reports": flow.reports, "standing": orders}
