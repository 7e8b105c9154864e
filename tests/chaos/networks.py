"""The networks of a run with several destinations: what each takes, and how a conversion reaches it.

The rule: who takes an event is read here a second time, from its fields by plain conditions; nothing of the
program's routing is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple
from zlib import crc32

Fields = Mapping[str, Any]


class NetworkKind(NamedTuple):
    """The settings of a destination; `BASE` in one is the address of its partner.

    `takes` is what its `WHEN` says, once more.
    """

    settings: Mapping[str, str]
    takes: Callable[[Fields], bool]


NETWORKS: Mapping[str, NetworkKind] = {
    "alpha": NetworkKind(
        {
            "WHEN__NETWORK": "alpha",
            "SIMPLE_URL": "BASE/postback?click_id={click_id}&event_id={event_id}",
            "EVENT_URL": "BASE/postback?measurement=1&click_id={click_id}&event={event}&payout={payout}"
            "&event_id={event_id}",
        },
        lambda fields: fields.get("network") == "alpha",
    ),
    "bravo": NetworkKind(
        {"WHEN__NETWORK": "bravo,bravo-eu", "URL": "BASE/conversions/{click_id}/event_id/{event_id}"},
        lambda fields: fields.get("network") in {"bravo", "bravo-eu"},
    ),
    "charlie": NetworkKind(
        {
            "WHEN__OFFER_ID": "77",
            "URL": "BASE/api",
            "METHOD": "POST",
            "BODY": '{"event_id":"{event_id}","click":"{click_id}","value":"{payout:number}",'
            '"order":"{order_id?}"}',
        },
        lambda fields: fields.get("offer_id") == "77",
    ),
    "delta": NetworkKind(
        {
            "WHEN__ATTRIBUTES__SITE": "delta",
            "URL": "BASE/form",
            "METHOD": "POST",
            "CONTENT_TYPE": "application/x-www-form-urlencoded",
            "BODY": "event_id={event_id}&cid={click_id}&goal={event:purchase=Sale,*=Other}"
            "&sum={payout|0.00}&tx={order_id?}",
        },
        lambda fields: fields.get("attributes", {}).get("site") == "delta",
    ),
    "echo": NetworkKind(
        {
            "WHEN__NETWORK": "echo",
            "WHEN__EVENT": "purchase",
            "URL": "BASE/v1/{click_id}?at={occurred_at:unix}",
            "METHOD": "PUT",
            "BODY": '{"event_id":"{event_id}","cents":"{payout:minor:number}"}',
        },
        lambda fields: fields.get("network") == "echo" and fields.get("event") == "purchase",
    ),
}

_ISSUERS = ("alpha", "alpha", "bravo", "bravo-eu", "echo", "echo", "other", "other")
"""Who issued a click: of the last ones `delta` has those of its own site, and nobody the others."""


def fields_of(event: str) -> dict[str, Any]:
    """What an event says that decides who takes it; the same for a name each time."""
    chance = crc32(event.encode())
    issuer = _ISSUERS[chance % len(_ISSUERS)]
    fields: dict[str, Any] = {"network": issuer, "event": "purchase" if chance // 256 % 8 else "signup"}
    if issuer == "other" and chance // 8 % 4:
        fields["attributes"] = {"site": "delta"}
    if chance // 32 % 8 == 0:
        fields["offer_id"] = "77"
    return fields


def takers(fields: Fields, names: Collection[str]) -> list[str]:
    """Which of these networks must get an event; none if it belongs to no network."""
    return [name for name in names if NETWORKS[name].takes(fields)]


def caretaker(names: Collection[str]) -> str:
    """Who dead-letters what is nobody's: the first by name."""
    return min(names)


def settings_of(name: str, port: int) -> dict[str, str]:
    """The settings of a destination, without the common prefix; its partner listens on `port`."""
    base = f"http://127.0.0.1:{port}"
    own = NETWORKS[name].settings.items()
    return {f"DESTINATIONS__{name.upper()}__{key}": value.replace("BASE", base) for key, value in own}
