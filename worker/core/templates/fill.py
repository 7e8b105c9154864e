"""From an event to its request: templates are compiled once and filled for each event.

The rule: a GET that sends values as they are, which is the usual case, costs one `%` and one match.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple, Protocol
from urllib.parse import quote

from worker.core.answer import Content, HttpOrigin, Request
from worker.core.record import make
from worker.core.templates.body import BodyTemplate
from worker.core.templates.errors import CannotFill, LeftOut
from worker.core.templates.header import HeaderTemplate
from worker.core.templates.macro_names import OF_ATTEMPT, EventFields, getter, is_field, is_text
from worker.core.templates.macro_syntax import Macro
from worker.core.templates.macro_values import Fill
from worker.core.templates.places import UNRESERVED, percent_encoded
from worker.core.templates.text import Context, compile_text, flat, macros
from worker.core.templates.url import WHERE, UrlTemplate


class RequestTemplates(NamedTuple):
    """All templates of one request."""

    url: UrlTemplate
    method: str = "GET"
    headers: tuple[HeaderTemplate, ...] = ()
    body: BodyTemplate | None = None

    @property
    def macros(self) -> Iterator[Macro]:
        """All macros: of the URL, of the headers, of the body."""
        yield from self.url.macros
        for header in self.headers:
            yield from header.macros
        if self.body is not None:
            yield from self.body.macros

    @property
    def needs_attempt(self) -> bool:
        """Whether a template names the attempt's number or time."""
        return any(macro.name in OF_ATTEMPT for macro in self.macros)

    def missing(self, fields: EventFields) -> list[str]:
        """The names of required macros for which an event has no value, in order."""
        needed = (macro.name for macro in self.macros if macro.is_required and macro.name not in OF_ATTEMPT)
        return [name for name in dict.fromkeys(needed) if getter(name)(fields) is None]


class CompiledRequest(Protocol):
    """What makes the request of an event."""

    @property
    def origin(self) -> HttpOrigin:
        """Where it goes."""
        ...

    def fill(self, fields: EventFields) -> Request:
        """Fill in an event's fields; raise CannotFill if one is absent or can't stand in its place."""
        ...


class PlainGet(NamedTuple):
    """A GET whose query takes values as they are: its text with a `%s` for each, and how to read them.

    `is_plain` checks on the filled text that no value needed encoding: it would hold a reserved character
    more than the form.
    """

    origin: HttpOrigin
    form: str
    is_plain: Callable[[str], object]
    names: tuple[str, ...]
    read: Callable[[EventFields], tuple[object, ...]]

    def fill(self, fields: EventFields) -> Request:
        """Fill in the values of an event's fields; raise CannotFill if one is absent."""
        values = self.read(fields)
        for value in values:  # `None in values` would compare Decimals, slowly
            if value is None:
                name = self.names[values.index(None)]
                raise CannotFill(f"{WHERE} needs {{{name}}}, which this event does not have")
        target = self.form % values
        if not self.is_plain(target):
            target = self.form % tuple(quote(str(value), safe="") for value in values)
        return make(Request, (self.origin, target, None))

    def __repr__(self) -> str:
        return f"PlainGet({self.origin})"  # the rest may hold a secret


class AnyRequest(NamedTuple):
    """Any other request: what fills its target, its headers and its body."""

    origin: HttpOrigin
    method: str
    target: Fill
    headers: tuple[tuple[str, Fill], ...]
    body: Callable[[EventFields], bytes] | None

    def fill(self, fields: EventFields) -> Request:
        """Fill in the values of an event's fields; raise CannotFill."""
        target = self.target(fields)
        if self.method == "GET" and not self.headers:
            return Request(self.origin, target)
        body = None if self.body is None else self.body(fields)
        return Request(self.origin, target, Content(self.method, tuple(self._headers(fields)), body))

    def _headers(self, fields: EventFields) -> Iterator[tuple[str, str]]:
        for name, fill in self.headers:
            try:
                yield name, fill(fields)
            except LeftOut:
                continue


def compile_request(
    parts: RequestTemplates, secrets: Mapping[str, str], *, every_header: bool = False
) -> CompiledRequest:
    """Compile all templates of a request; the sender adds headers that are the same for all events.

    With `every_header` the request has those as well. Raises KeyError for a missing secret.
    """
    url, method, headers, body = parts
    varying = [header for header in headers if every_header or not header.is_constant]
    own = tuple((header.name, header.compile(secrets)) for header in varying)
    if method == "GET" and not own and _is_plain(url):
        return _plain_get(url, secrets)
    if body is None:
        return AnyRequest(url.origin, method, url.compile(secrets), own, None)
    content_type = body.content_type
    own = (("Content-Type", lambda _: content_type), *own)
    return AnyRequest(url.origin, method, url.compile(secrets), own, body.compile(secrets))


def _is_plain(url: UrlTemplate) -> bool:
    """Whether values stand only in the query, as they are, and none is optional."""
    of_path = (macro for segment in url.segments for macro in macros(segment))
    of_query = (macro for pair in url.pairs for macro in macros(pair.pieces))
    return all(macro.is_secret for macro in of_path) and all(
        macro.is_secret or (macro.is_plain and is_text(macro.name)) for macro in of_query
    )


def _plain_get(url: UrlTemplate, secrets: Mapping[str, str]) -> PlainGet:
    literals, names = [""], []
    for piece in flat(url.pieces):
        if isinstance(piece, Macro) and not piece.is_secret:
            names.append(piece.name)
            literals.append("")
        else:
            literals[-1] += compile_text((piece,), Context(WHERE, percent_encoded, secrets))({})
    form = "%s".join(literal.replace("%", "%%") for literal in literals)
    plain = re.compile(UNRESERVED.join(map(re.escape, literals)))
    return PlainGet(url.origin, form, plain.fullmatch, tuple(names), _reader(names))


def _reader(names: Sequence[str]) -> Callable[[EventFields], tuple[object, ...]]:
    """Make what reads the values of macros, in one call if all are fields of the event."""
    if len(names) > 1 and all(map(is_field, names)):
        return itemgetter(*names)
    getters = [getter(name) for name in names]
    return lambda fields: tuple(getter(fields) for getter in getters)
