"""The demonstration's conversions: mostly good ones, and a few that no worker should send.

The rule: which event is which depends on its number alone, so that two runs tell the same story.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from schemas import Click

# One record in this many is of each wrong kind.
_WRONG_EVERY = 100
_FORMS = ((None, None), ("purchase", "49.99"), ("signup", "5.00"), ("lead", "2.50"))


class Conversion(NamedTuple):
    """A record to be published; `event_id` is None where the value does not hold a readable one."""

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
    click = Click(click_id=click_id, clicked_at=at - timedelta(minutes=10))
    event, payout = _FORMS[number % len(_FORMS)]
    made = click.conversion(event=event, payout=payout, at=at, event_id=f"demo-{number}")
    return Conversion(made.event_id, click_id.encode(), made.to_json())


def _wrong(number: int, at: datetime) -> Conversion | None:
    key = f"click-{number}".encode()
    match number % _WRONG_EVERY:
        case 17:
            return Conversion(None, key, b"<order id='17'/>")
        case 42:
            value = b'{"event_id":"demo-%d","click_id":"c","occurred_at":"yesterday"}' % number
            return Conversion(None, key, value)
        case 71:
            click = Click(click_id=f"click-{number}", clicked_at=at - timedelta(days=31))
            late = click.conversion(at=at, event_id=f"demo-{number}")
            return Conversion(late.event_id, key, late.to_json())
        case _:
            return None
