"""The demonstration's conversions for two networks: mostly good, and a few that no worker should send.

The rule: an event depends on its number alone, so that every run is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from schemas import Click

# One record in this many is of each wrong kind.
_WRONG_EVERY_EVENTS = 100
FALLBACK, OTHER = NETWORKS = ("momentscience", "voluum")
"""Who issued the clicks; the first takes what the other does not."""
_FORMS = ((None, None), ("purchase", "49.99"), ("signup", "5.00"), ("lead", "2.50"))


class Conversion(NamedTuple):
    """A record to be published; `event_id` is None if the value holds no readable one.

    `network` is its receiver by its content; a record that names none goes to the fallback.
    """

    network: str
    event_id: str | None
    key: bytes
    value: bytes


def conversions(count: int, now: float) -> Iterator[Conversion]:
    """Make `count` records, as a shop's pipeline would have published them just now."""
    at = datetime.fromtimestamp(now, UTC)
    for number in range(count):
        yield _wrong(number, at) or _good(number, at)


def _good(number: int, at: datetime) -> Conversion:
    # Every third conversion belongs to the click before it: one click may convert many times.
    click_id = f"click-{number - number % 3}"
    network = _network(number)
    click = Click(click_id=click_id, network=network, clicked_at=at - timedelta(minutes=10))
    event, payout = _FORMS[number % len(_FORMS)]
    made = click.conversion(event=event, payout=payout, at=at, event_id=f"demo-{number}")
    return Conversion(network, made.event_id, click_id.encode(), made.to_json())


def _network(number: int) -> str:
    """The issuer of a click: the same for all conversions of that click."""
    return NETWORKS[number // 3 % len(NETWORKS)]


def _wrong(number: int, at: datetime) -> Conversion | None:
    key, network = f"click-{number}".encode(), _network(number)
    match number % _WRONG_EVERY_EVENTS:
        case 17:
            return Conversion(FALLBACK, None, key, b"<order id='17'/>")
        case 42:
            value = f'{{"event_id":"demo-{number}","network":"{network}","occurred_at":"yesterday"}}'
            return Conversion(network, None, key, value.encode())
        case 71:
            click = Click(click_id=f"click-{number}", network=network, clicked_at=at - timedelta(days=31))
            late = click.conversion(at=at, event_id=f"demo-{number}")
            return Conversion(network, late.event_id, key, late.to_json())
        case _:
            return None
