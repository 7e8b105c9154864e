"""Filters conversions by the event's fields and, in a tier, by the worker's headers.

The rule: each named field must have exactly this value; bytes that are no JSON object match nothing. Times
are of the conversion itself, which are the same on the source, in every tier and after a replay. An empty
filter matches everything, so callers that end something require a name first.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any, NamedTuple

from schemas import BadRecord, WorkerHeaders, json_object
from schemas.moment import parse_time
from worker.core.record import Headers
from worker.core.unparsed_json import may_hold

FIELDS = ("event_id", "click_id", "order_id", "offer_id", "affiliate_id", "network", "event")
"""Fields of the event itself."""

TIMES = ("since", "until")
"""Bounds for when the user converted, RFC 3339, inclusive."""

FROM_HEADERS = ("reason", "status", "error")
"""Properties of the last attempt, for records in a tier. A part of `error` is enough."""

_OF_VALUE = (*FIELDS, *TIMES)
_NAMES = (*_OF_VALUE, *FROM_HEADERS)


class EventFilter(NamedTuple):
    """What a conversion must match: pairs of a name and a value, in the order of the names above."""

    wanted: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, named: Mapping[str, str | None]) -> EventFilter:
        """Make one from names and values, leaving out those that are None.

        Raises ValueError for an unknown name and for an invalid time.
        """
        unknown = named.keys() - {*_NAMES}
        if unknown:
            raise ValueError(f"no event is told by {', '.join(sorted(unknown))}")
        found = ((name, named.get(name)) for name in _NAMES)
        wanted = tuple((name, value) for name, value in found if value is not None)
        wrong = [name for name, value in wanted if name in TIMES and parse_time(value) is None]
        if wrong:
            raise ValueError(f"{wrong[0]} is no time")
        return cls(wanted)

    def matches(self, value: bytes | None, headers: Headers, *, on_tier: bool) -> bool:
        """Whether a record of the source, or of a tier, matches; never raises, whatever the bytes.

        The headers of source records are ignored: they are the producer's.
        """
        sought = [text.encode(errors="surrogatepass") for name, text in self.wanted if name in FIELDS]
        if not all(may_hold(text, value) for text in sought):
            return False
        return self._by_headers(headers, on_tier=on_tier) and self._by_fields(value)

    def __str__(self) -> str:
        """The filter as it is typed: `--offer-id 7 --event sale`."""
        typed = (f"--{name.replace('_', '-')} {shlex.quote(text)}" for name, text in self.wanted)
        return " ".join(typed) or "everything"

    def _by_headers(self, headers: Headers, *, on_tier: bool) -> bool:
        asked = [(name, text) for name, text in self.wanted if name in FROM_HEADERS]
        if not asked:
            return True
        if not on_tier:
            return False
        carried = WorkerHeaders.read(headers)
        return all(_told(carried, name, text) for name, text in asked)

    def _by_fields(self, value: bytes | None) -> bool:
        asked = [(name, text) for name, text in self.wanted if name in _OF_VALUE]
        if not asked:
            return True
        try:
            fields = json_object(value)
        except BadRecord:
            return False
        return all(_says(fields, name, text) for name, text in asked)


def _told(last: WorkerHeaders, name: str, text: str) -> bool:
    """Whether the headers of the last attempt match."""
    if name == "error":
        return text.casefold() in (last.error or "").casefold()
    return str(getattr(last, name)) == text


def _says(fields: Mapping[str, Any], name: str, text: str) -> bool:
    """Whether an event's field matches; an event without a readable time matches no time."""
    if name not in TIMES:
        return bool(fields.get(name) == text)
    occurred, bound = fields.get("occurred_at"), parse_time(text)
    moment = parse_time(occurred) if isinstance(occurred, str) else None
    if moment is None or bound is None:
        return False
    return moment >= bound if name == "since" else moment <= bound
