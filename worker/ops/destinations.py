"""The configured destinations: what each takes, and a sample request of each.

The rule: everything comes from the settings alone, with secrets masked; nothing is asked and nothing is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from worker.core.answer import Request
from worker.core.routing import ATTRIBUTE, HEADER, TOPIC, Route, When
from worker.ops.errors import WrongUsage
from worker.ops.sending import NoValue, make_event, make_request, shown_request
from worker.settings import Deployment, Settings
from worker.settings.deployment import choose
from worker.settings.destination import EVENT_URL, SIMPLE_URL
from worker.settings.several import as_written
from worker.settings.templates import urls_of
from worker.settings.url_mask import mask_template

EVERYTHING = "everything"
THE_REST = "what no other takes"
SAMPLE = {
    "click_id": "9f8e7d6c5b4a3928",
    "event_id": "order-1001",
    "network": "example",
    "event": "purchase",
    "payout": "49",
    "clicked_at": "2026-01-02T03:04:05Z",
    "order_id": "1001",
    "offer_id": "offer-12",
    "affiliate_id": "aff-7",
}
"""The event of the sample request, besides the fields that `when` asks for."""

_EXAMPLE = "example"


class DestinationRow(NamedTuple):
    """One destination in a row."""

    destination: str
    takes: str
    method: str
    url: str
    group: str


class DestinationDetails(NamedTuple):
    """One destination in full: names and values, and a sample request.

    If the sample does not fill its template, `why_not` says why.
    """

    fields: Sequence[tuple[str, object]]
    request: Request | None
    why_not: str | None = None


def rows_of(deployment: Deployment) -> list[DestinationRow]:
    """Each destination that is configured, by name."""
    return [
        DestinationRow(
            one.destination.name,
            takes(deployment, route),
            one.destination.method,
            " and ".join(map(_for_the_eye, dict.fromkeys(urls_of(one.destination).values()))),
            one.kafka.group_id,
        )
        for one, route in zip(deployment.destinations, deployment.served_routes, strict=True)
    ]


def _for_the_eye(url: str) -> str:
    """A template with possible secrets masked; the defaults have none."""
    return url if url in {SIMPLE_URL, EVENT_URL} else mask_template(url)


def show(deployment: Deployment, name: str) -> DestinationDetails:
    """Describe the destination with this name; raise SettingsError if there is none."""
    settings = choose(deployment, name)
    route = next(route for route in deployment.served_routes if route.name == name)
    destination = settings.destination
    fields = [
        ("destination", name),
        ("takes", takes(deployment, route)),
        *((variable, _for_the_eye(url)) for variable, url in _urls(settings)),
        ("method", destination.method),
        ("currencies", ",".join(sorted(destination.currencies))),
        ("group", settings.kafka.group_id),
        ("retry_group", settings.retry_group),
        ("tiers", ",".join(settings.tier_topic(tier) for tier in settings.tiers)),
        ("dead_letters", settings.dlq_topic),
        ("concurrency", destination.concurrency),
        ("rate", destination.rate),
        ("attempts", settings.retry.max_attempts),
    ]
    return _with_request(settings, route.when, fields)


def takes(deployment: Deployment, route: Route) -> str:
    """What a destination takes, in words."""
    if not deployment.is_several:
        return EVERYTHING
    if not route.when:
        return THE_REST if len(deployment.routes) > 1 else EVERYTHING
    words = "; ".join(f"{name} {' or '.join(sorted(values))}" for name, values in route.when.items())
    catches = deployment.router_of(route.name).dead_letters_unrouted
    return f"{words}; what fits nobody is dead-lettered here" if catches else words


def _urls(settings: Settings) -> list[tuple[str, str]]:
    return [
        (as_written(settings, [variable])[0], url) for variable, url in urls_of(settings.destination).items()
    ]


def _with_request(settings: Settings, when: When, fields: Sequence[tuple[str, object]]) -> DestinationDetails:
    given = _sample(settings, when)
    try:
        try:
            make_request(settings, make_event(given))
        except NoValue as lacking:
            attributes = {one.removeprefix(ATTRIBUTE): _EXAMPLE for one in lacking.macros if ATTRIBUTE in one}
            given["attributes"] = {**given["attributes"], **attributes}
            make_request(settings, make_event(given))
        return DestinationDetails(fields, shown_request(settings, make_event(given)))
    except WrongUsage as error:
        return DestinationDetails(fields, None, "; ".join(as_written(settings, error.reasons)))


def _sample(settings: Settings, when: When) -> dict[str, Any]:
    """An event that this destination takes."""
    wanted = {name: min(values) for name, values in when.items() if name != TOPIC and HEADER not in name}
    attributes: Mapping[str, str] = {
        name.removeprefix(ATTRIBUTE): value for name, value in wanted.items() if name.startswith(ATTRIBUTE)
    }
    plain = {name: value for name, value in wanted.items() if not name.startswith(ATTRIBUTE)}
    currency = min(settings.destination.currencies)
    return {**SAMPLE, "currency": currency, **plain, "attributes": dict(attributes)}
