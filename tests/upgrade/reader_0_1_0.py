"""How version 0.1.0 reads what lies in Kafka, written down once more: for what a later one leaves behind.

The rule: it stays as that version was, and uses nothing of the program. What it would not believe it refuses.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterable
from typing import Any, NamedTuple

_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z"
_RETRY = ("status", "timeout", "connection", "tls", "protocol", "rejected_body")
_DEAD = ("undecodable", "invalid", "expired", "exhausted", "rejected", "unrouted")
HEADERS = {
    "postback-attempts": r"[0-9]{1,6}",
    "postback-due-at": _TIME,
    "postback-first-attempt-at": _TIME,
    "postback-origin": r"[A-Za-z0-9._-]{1,249}/[0-9]{1,10}/[0-9]{1,19}",
    "postback-reason": "|".join((*_RETRY, *_DEAD)),
    "postback-status": r"[1-9][0-9]{2}",
    "postback-error": r"[^\x00-\x1f\x7f]{0,512}",
    "postback-dead-at": _TIME,
    "postback-replays": r"[0-9]{1,6}",
    "postback-for": r"[A-Za-z0-9._-]{1,64}",
}
"""The worker's headers, and the form of their values; others are not looked at."""

_STEPS = {"delivered", "retry", "dead", "duplicate", "cancelled"}
_TEXTS = (
    *("event_id", "click_id", "order_id", "event", "payout", "currency", "reason", "error", "url"),
    *("body", "due_at", "tier", "worker"),
)
_NUMBERS = ("attempt", "status", "ms", "replays")
_ORDERS = ("pause", "rate", "cancel", "now")
_FILTERS = (
    *("event_id", "click_id", "order_id", "offer_id", "affiliate_id", "network", "event"),
    *("reason", "status"),
)


class Refused(Exception):
    """It is not what 0.1.0 reads."""


class Map(NamedTuple):
    """A commit's metadata: its marks, for which position, up to where it tells, and what is open."""

    marks: bytes
    position: int
    upto: int
    holes: tuple[int, ...]


def headers(given: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    """The worker's headers of a record; raise Refused for one that would be read as absent."""
    found = {}
    for name, value in given:
        if name in HEADERS:
            text = (value or b"").decode()
            if value is None or not re.fullmatch(HEADERS[name], text):
                raise Refused(f"{name}: {text!r}")
            found[name] = text
    return found


def metadata(text: str) -> Map:
    """The metadata of a commit; raise Refused for what would not be believed."""
    if text[:1] != "2" or len(text) > 4095:
        raise Refused(f"version {text[:1]!r}, {len(text)} characters")
    packed = base64.b64decode(text[1:] + "=" * (-len(text[1:]) % 4), validate=True)
    body, check = packed[:-4], packed[-4:]
    if zlib.crc32(body).to_bytes(4, "big") != check:
        raise Refused("its check does not fit")
    numbers, number, shift = [], 0, 0
    for byte in body[24:]:
        number, shift = number | (byte & 0x7F) << shift, shift + 7
        if byte < 0x80:
            numbers.append(number)
            number = shift = 0
    position, distance, *steps = numbers
    holes, at = [], position
    for step in steps:
        at += step
        holes.append(at)
    return Map(body[:24], position, position + distance, tuple(holes))


def step(value: bytes | None) -> dict[str, Any]:
    """A record of the journal; raise Refused for one that would be passed over."""
    fields = json.loads(value or b"")
    wrong = [name for name in _TEXTS if not isinstance(fields.get(name, ""), str)]
    wrong += [name for name in _NUMBERS if not isinstance(fields.get(name, 0), int)]
    if (
        wrong
        or fields["step"] not in _STEPS
        or not all(isinstance(fields[name], str) for name in ("at", "origin"))
    ):
        raise Refused(f"{wrong}: {fields}")
    return dict(fields)


def memory(key: bytes | None, value: bytes | None) -> tuple[str, int, int, str | None] | None:
    """Topic, partition, offset and topic id of a record of the group's memory; None for any other record."""
    kind, _, rest = (key or b"").decode().partition("/")
    if kind != "position":
        return None
    topic, number = rest.split("/")
    fields = json.loads(value or b"")
    if not isinstance(fields["offset"], int) or not re.fullmatch(_TIME, fields["at"]):
        raise Refused(str(fields))
    return topic, int(number), fields["offset"], fields["topic_id"]


def order(key: bytes | None, value: bytes | None) -> tuple[str, str] | None:
    """Key and kind of a standing order; None for any other record. Raise Refused where it can't be read."""
    name = (key or b"").decode()
    if name.partition("/")[0] not in _ORDERS:
        return None
    fields = json.loads(value or b"")
    kind, until, limit = fields["order"], fields.get("until"), fields.get("per_second", 1)
    times = [fields["at"], *([] if until is None else [until])]
    if kind not in {name.partition("/")[0], "end"} or not isinstance(fields["by"], str):
        raise Refused(str(fields))
    if not all(re.fullmatch(_TIME, time) for time in times) or not limit > 0:
        raise Refused(str(fields))
    if kind in {"cancel", "now"} and not fields["filter"].keys() <= set(_FILTERS):
        raise Refused(str(fields))
    return name, kind
