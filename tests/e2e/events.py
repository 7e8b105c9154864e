"""Events of every kind that a shop may publish, and what the partner must get for each."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from tests.support.kafka import Write

ODD_CLICKS = ("a+b", "a%2Bb", "é", "&x=1#", "a space", "%", "%%41", "ключ", "😀", "a/b?c=d", "'\"<>", "~-._")
"""Parts of click ids that a careless worker changes."""

FORMS: tuple[tuple[Mapping[str, Any], Mapping[str, str]], ...] = (
    ({}, {}),
    ({"event": "purchase", "payout": "49.99"}, {"event": "purchase", "payout": "49.99"}),
    ({"event": "purchase", "payout": 49.99}, {"event": "purchase", "payout": "49.99"}),
    ({"event": "signup", "payout": "5"}, {"event": "signup", "payout": "5.00"}),
    ({"event": "signup", "payout": 5}, {"event": "signup", "payout": "5.00"}),
    ({"event": "a lead & more", "payout": "0"}, {"event": "a lead & more", "payout": "0.00"}),
    ({"event": "lead", "payout": 0}, {"event": "lead", "payout": "0.00"}),
)
"""What an event may say, and what the partner gets for it."""


class Case(NamedTuple):
    """A record, and the query that it must become."""

    record: Write
    query: Mapping[str, str]


def value(event_id: str, click_id: str, *, ago: float = 60.0, **fields: Any) -> bytes:
    """The JSON of an event that occurred `ago` seconds before now."""
    at = (datetime.fromtimestamp(time.time(), UTC) - timedelta(seconds=ago)).isoformat()
    event = {"event_id": event_id, "click_id": click_id, "occurred_at": at, **fields}
    return json.dumps(event, ensure_ascii=False).encode()


def mixed(count: int) -> Iterator[Case]:
    """Events of all forms and odd click ids; each click has three conversions, each with its own form."""
    for number in range(count):
        click = number // 3
        click_id = f"{ODD_CLICKS[click % len(ODD_CLICKS)]}|{click}"
        fields, told = FORMS[number % len(FORMS)]
        extra = {"measurement": "1"} if told else {}
        record = Write(value(f"e-{number}", click_id, **fields), click_id.encode())
        yield Case(record, {**extra, "click_id": click_id, **told})
