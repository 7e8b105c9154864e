"""Which destinations take an event of the source, decided before it is validated.

The rules: the decision depends on the record alone and is the same in each destination, so every record is
taken by at least one configured destination. What no `when` matches, and what is no JSON object, goes to the
fallback, or else to the first destination by name, which dead-letters what matches nobody as `unrouted`. A
replay for a destination is taken by that one alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from enum import Enum
from operator import attrgetter
from typing import Final, Literal, NamedTuple

from schemas import BadRecord, WorkerHeaders, json_object
from schemas.headers import FOR
from worker.core.record import Headers, JsonFields, Record
from worker.core.unparsed_json import ESCAPE

When = Mapping[str, frozenset[str]]
"""For each field the allowed values; all fields must match. Empty means the fallback."""

FIELDS = ("network", "event", "offer_id", "affiliate_id", "currency")
"""Fields of the event itself that `when` may name."""
TOPIC, HEADER, ATTRIBUTE = "topic", "header.", "attributes."
NAME = re.compile(r"[a-z0-9_-]{1,32}")
"""A destination's name, if there are several."""

MOST_NOBODYS = 100
"""Names of others that are kept, so that they can be told of: anybody may write them."""

_CURRENCY, _DEFAULT_CURRENCY = "currency", "USD"
_MOST_SOUGHT = 4
# Most texts that are searched for in a value's bytes: with more of them, parsing is cheaper.


class NotTaken(Enum):
    """The answer for a record that is another destination's."""

    BY_US = "passed over"


NOT_TAKEN: Final = NotTaken.BY_US
Routed = JsonFields | None | Literal[NotTaken.BY_US]
"""The router's answer: passed over, or taken, with the fields if they were parsed."""


class Route(NamedTuple):
    """One destination and what it takes; with an empty `when` it is the fallback."""

    name: str
    when: When


class Router:
    """Decides what the destination `name` takes; `routes` has all destinations, also of other processes."""

    def __init__(self, name: str, routes: Sequence[Route] = ()) -> None:
        self._name = name
        own = next((route.when for route in routes if route.name == name), {})
        fallback = next((route.name for route in routes if not route.when), None)
        self._own = _Conditions(own)
        # A header is looked for on the way past all of them: a second loop would cost a fifth of the whole.
        self._first, self._firsts = self._own.first_header()
        self._others = _any_of([route.when for route in routes if route.name != name])
        self.takes_all = len(routes) <= 1 and not own
        """Whether it takes everything except replays for others, so that only headers need be looked at."""
        catches = fallback or min((route.name for route in routes), default=name)
        self._catches = catches == name
        self._names = {name, *(route.name for route in routes)}
        self.nobodys: set[str] = set()
        """Names that no destination has, and that replays were for, as far as it is ours to tell of them."""
        self.dead_letters_unrouted = self._catches and fallback is None and bool(routes)
        """Whether events that match nobody are dead-lettered here."""

    def route(self, topic: str, headers: Headers, value: bytes | None) -> Routed:
        """Judge a record of the source; never raises, whatever the bytes.

        NOT_TAKEN where it is not this destination's; else its fields, None where they were not asked for or
        it has none.
        """
        first = None
        for name, text in headers:
            if name == self._first:
                first = text
            if name == FOR and (wanted := replayed_for(headers)) is not None:
                return None if wanted == self._name else self._passed(wanted)
        if self.takes_all:
            return None
        own = self._own
        if self._catches:
            fields = _fields(value)
            passes = fields is not None and self._is_of_others_alone(topic, headers, fields)
            return NOT_TAKEN if passes else fields
        if first not in self._firsts or (own.ask_outside and not own.fit_outside(topic, headers)):
            return NOT_TAKEN
        if not own.may_fit_inside(value):
            return NOT_TAKEN
        fields = _fields(value)
        return NOT_TAKEN if fields is None or not own.fit_inside(fields) else fields

    def _passed(self, wanted: str) -> Literal[NotTaken.BY_US]:
        if self._catches and wanted not in self._names and len(self.nobodys) < MOST_NOBODYS:
            self.nobodys.add(wanted)
        return NOT_TAKEN

    def takes(self, record: Record) -> bool:
        """Tell whether a record of the source is this destination's."""
        return self.route(record.at.topic, record.headers, record.value) is not NOT_TAKEN

    def is_unrouted(self, record: Record) -> bool:
        """Return whether a record that this destination took matches nobody, so that it must not be sent."""
        if not self.dead_letters_unrouted or replayed_for(record.headers) is not None:
            return False
        fields = _fields(record.value) if record.fields is None else record.fields
        return fields is not None and not self._own.fit(record.at.topic, record.headers, fields)

    def _is_of_others_alone(self, topic: str, headers: Headers, fields: JsonFields) -> bool:
        own = self._own
        if own.are_any and own.fit(topic, headers, fields):
            return False
        for one in self._others:  # noqa: SIM110 # a generator would cost as much as the rest
            if one.fit(topic, headers, fields):
                return True
        return False


class _Conditions:
    """One `when`, sorted by where its values are found."""

    def __init__(self, when: When) -> None:
        self.are_any = bool(when)
        self._topics = when.get(TOPIC)
        self._headers = [(name, _encoded(values)) for name, values in _named(when, HEADER)]
        self._attributes = _named(when, ATTRIBUTE)
        self._fields = [(name, values) for name, values in when.items() if name in FIELDS]
        self.ask_outside = self._topics is not None or bool(self._headers)
        self._sought = _sought(self._fields + self._attributes)

    def first_header(self) -> tuple[str | None, Collection[bytes | None]]:
        """The first header that is asked for, and what it must have one of; where none is, none and none."""
        return self._headers[0] if self._headers else (None, {None})

    def fit(self, topic: str, headers: Headers, fields: JsonFields) -> bool:
        """Tell whether all of them match."""
        return (not self.ask_outside or self.fit_outside(topic, headers)) and self.fit_inside(fields)

    def fit_outside(self, topic: str, headers: Headers) -> bool:
        """Tell whether topic and headers match (the last of a name): no value is parsed for that."""
        if self._topics is not None and topic not in self._topics:
            return False
        for asked, values in self._headers:
            found = None
            for name, text in headers:
                if name == asked:
                    found = text
            if found not in values:
                return False
        return True

    def may_fit_inside(self, value: bytes | None) -> bool:
        """Return False if the unparsed bytes hold none of the texts that would match.

        They would hold them as they are unless something is escaped; only parsing shows whether in the right
        place.
        """
        if value is None:
            return False
        for text in self._sought:
            if value.find(text) >= 0:  # cheaper than `in` (worker/core/unparsed_json.py)
                return True
        return not self._sought or ESCAPE in value

    def fit_inside(self, fields: JsonFields) -> bool:
        """Return whether the fields of the event match; a field that is no text matches nothing."""
        for name, values in self._fields:
            value = fields.get(name)
            if value is None and name == _CURRENCY:
                value = _DEFAULT_CURRENCY
            if value.__class__ is not str or value not in values:
                return False
        return not self._attributes or self._fit_attributes(fields.get("attributes"))

    def _fit_attributes(self, attributes: object) -> bool:
        if not isinstance(attributes, dict):
            return False
        found = ((attributes.get(name), values) for name, values in self._attributes)
        return all(isinstance(value, str) and value in values for value, values in found)


def _any_of(whens: Sequence[When]) -> list[_Conditions]:
    """Conditions of which one matches if any of `whens` does; those on the same single field are merged."""
    together: dict[str, frozenset[str]] = {}
    for when in whens:
        if len(when) == 1:
            ((name, values),) = when.items()
            together[name] = together.get(name, frozenset()) | values
    joined: list[When] = [{name: values} for name, values in together.items()]
    return [_Conditions(when) for when in [*joined, *(when for when in whens if len(when) > 1)]]


def sorted_routes(routes: Mapping[str, When]) -> list[Route]:
    """All destinations with what they take, sorted by name."""
    return sorted((Route(name, when) for name, when in routes.items()), key=attrgetter("name"))


def replayed_for(headers: Headers) -> str | None:
    """The destination that a source record is replayed for; None if it is for all."""
    for name, _ in headers:
        if name == FOR:
            return WorkerHeaders.read(headers).replayed_for
    return None


def _named(when: When, prefix: str) -> list[tuple[str, frozenset[str]]]:
    return [(name.removeprefix(prefix), values) for name, values in when.items() if name.startswith(prefix)]


def _encoded(values: frozenset[str]) -> frozenset[bytes]:
    return frozenset(value.encode() for value in values)


def _sought(asked: Sequence[tuple[str, frozenset[str]]]) -> Sequence[bytes]:
    """Texts of which a matching value has one, as JSON writes them: of the field with the fewest values."""
    certain = [values for name, values in asked if name != _CURRENCY or _DEFAULT_CURRENCY not in values]
    fewest = min(certain, key=len, default=frozenset[str]())
    return [b'"%s"' % text for text in sorted(_encoded(fewest))] if len(fewest) <= _MOST_SOUGHT else []


def _fields(value: bytes | None) -> JsonFields | None:
    """The fields of a value; None if it is no JSON object."""
    try:
        return json_object(value)
    except BadRecord:
        return None
