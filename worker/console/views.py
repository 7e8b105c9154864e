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

from schemas.payout import exact_number
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
        snapshot = sorted(map(self._watch.snapshot, self._deployment.names), key=_gravity)
        return self._pages.answer(
            request,
            "verdict",
            view="verdict",
            version=self._watch.version,
            cards=[_card(one) for one in snapshot],
        )

    async def flow(self, request: web.Request) -> web.Response:
        """The last hour of a destination."""
        snapshot = self._snapshot(request)
        return self._pages.answer(
            request,
            "flow",
            view="flow",
            destination=snapshot.destination,
            version=self._watch.version,
            snapshot=snapshot,
            plots=plots.flow_plots(snapshot.hour),
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
        snapshot, kind, rows = self._snapshot(request), forms.kind(request.query), None
        given = forms.given(request.query, kind)
        if (given or "kind" in request.query) and not is_live(request):
            asked = forms.rows_asked(request.query, time.time())
            rows = await self._threads.call(self._watch.rows, snapshot.destination, asked)
        return self._pages.answer(
            request,
            "undelivered",
            view="undelivered",
            destination=snapshot.destination,
            version=self._watch.version,
            snapshot=snapshot,
            groups=[_group(one) for one in snapshot.undelivered],
            kind=kind,
            given=given,
            names=forms.names(kind),
            meant=forms.meant(request.query),
            rows=rows,
        )

    async def row(self, request: web.Request) -> web.Response:
        """One whole row."""
        snapshot = self._snapshot(request)
        row = await self._threads.call(self._watch.row, snapshot.destination, request.match_info["place"])
        return self._pages.answer(
            request,
            "row",
            view="undelivered",
            destination=snapshot.destination,
            row=row,
            letter=json.loads(row.letter.to_json()),
            pretty=_pretty(row.letter.value),
        )

    async def destination(self, request: web.Request) -> web.Response:
        """A destination's settings, a sample request, and its standing orders."""
        snapshot = self._snapshot(request)
        return self._pages.answer(
            request,
            "destination",
            view="destination",
            destination=snapshot.destination,
            version=self._watch.version,
            snapshot=snapshot,
            shown=destinations.show(self._deployment, snapshot.destination),
            state=_state(snapshot),
        )

    async def first(self, request: web.Request) -> web.StreamResponse:
        """Redirect a view without a destination to the first one's."""
        raise web.HTTPSeeOther(f"{request.path.rstrip('/')}/{self._deployment.names[0]}")

    def _snapshot(self, request: web.Request) -> DestinationSnapshot:
        name = request.match_info["destination"]
        if name not in self._deployment.names:
            raise web.HTTPNotFound
        return self._watch.snapshot(name)


class Card(NamedTuple):
    """A destination in the first view."""

    snapshot: DestinationSnapshot
    shape: str
    facts: Mapping[str, Any]
    spark: str


def _card(snapshot: DestinationSnapshot) -> Card:
    spark = plots.sparkline("Delivered", [one.delivered for one in snapshot.hour])
    if snapshot.status is None:
        return Card(snapshot, "still", {}, spark)
    return Card(snapshot, words.SHAPES[snapshot.status.diagnosis.verdict], _facts(snapshot), spark)


def _facts(snapshot: DestinationSnapshot) -> Mapping[str, Any]:
    if snapshot.status is None:
        return {}
    flow = snapshot.status.flow
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


def _gravity(snapshot: DestinationSnapshot) -> tuple[int, str]:
    shape = "still" if snapshot.status is None else words.SHAPES[snapshot.status.diagnosis.verdict]
    return words.GRAVITY.index(shape), snapshot.destination


class GroupLink(NamedTuple):
    """A group, and the URL query that shows its rows."""

    group: UndeliveredGroup
    query: Mapping[str, str]


def _group(group: UndeliveredGroup) -> GroupLink:
    named = {**group.key._asdict(), "kind": group.kind.value, "whole": 1}
    return GroupLink(group, {name: str(value) for name, value in named.items() if value is not None})


def _pretty(value: bytes | None) -> str:
    """Format a record's value as indented JSON if that changes nothing in it, else return it as text."""
    text = "" if value is None else value.decode("utf-8", "backslashreplace")
    try:
        read = json.loads(text, object_pairs_hook=_without_doubles, parse_float=_exact)
        return json.dumps(read, indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its members; raise ValueError if one would be lost, because two have one name."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name occurs twice")
    return members


def _exact(literal: str) -> float:
    """Read a number; raise ValueError if it would be shown as another."""
    number = float(literal)
    if exact_number(literal) != exact_number(repr(number)):
        raise ValueError("not exact as a float")
    return number


def _state(snapshot: DestinationSnapshot) -> Mapping[str, Any]:
    """What a destination's workers report, and their standing orders."""
    if snapshot.status is None:
        return {}
    flow = snapshot.status.flow
    orders = [{"order": order, "key": order.key, "text": described(order)} for order in flow.orders]
    return {**as_json(snapshot.status), "reports": flow.reports, "standing": orders}
