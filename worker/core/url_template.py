"""From an event to the URL of its postback: templates compiled once, values percent-encoded exactly once.

The rule: event data fills query values and nothing else; scheme, host, port and path are the settings'.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from schemas import ConversionEvent
from worker.core.answer import Origin, Request
from worker.core.foreign_macros import find_foreign
from worker.core.record import make

Fields = Mapping[str, Any]
"""The fields of an event, as its `__dict__`: there they cost a fraction of what pydantic's attributes do."""

# Each is the name of a field of the event; its text is what `str` says.
MACROS = ("click_id", "event_id", "event", "payout", "currency", "affiliate_id", "offer_id", "order_id")
ATTRIBUTE = "attributes."
# MomentScience's rule, and of no other partner: who names the first names all three.
MEASUREMENT = "measurement"
TOGETHER = frozenset({MEASUREMENT, "event", "payout"})

_MACRO = re.compile(r"\{([^{}]*)\}")
_PRINTABLE = re.compile(r"[!-~]+")
# What percent-encoding leaves alone (RFC 3986, 2.3): most values are of nothing else.
_UNRESERVED = "[A-Za-z0-9._~-]*"


class TemplateError(ValueError):
    """The template is wrong; the text says what, and what would be right."""


class MissingValue(ValueError):
    """The event has no value for a macro of the URL that was chosen for it."""


class Template(NamedTuple):
    """One postback URL, compiled: where it goes, its text with a place for each value, how to get those.

    `is_plain` tells whether no value needed to be encoded for a filled text: a reserved character in one
    would be one more than the form has.
    """

    origin: Origin
    form: str
    is_plain: Callable[[str], object]
    names: tuple[str, ...]
    read: Callable[[Fields], tuple[object, ...]]

    @classmethod
    def compile(cls, text: str) -> Template:
        """Check the text and compile it; raise TemplateError where it is wrong."""
        origin = _origin(text)
        parts = urlsplit(text)
        _check_foreign(parts.path, parts.query)
        _check_places(parts.path, parts.query)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        names = tuple(_MACRO.findall(target))
        form = _MACRO.sub("%s", target.replace("%", "%%"))
        plain = re.compile(_UNRESERVED.join(map(re.escape, _MACRO.sub("{}", target).split("{}"))))
        return cls(origin, form, plain.fullmatch, names, _reader(names))

    def missing(self, event: ConversionEvent) -> list[str]:
        """The macros for which the event has no value, in their order."""
        values = self.read(event.__dict__)
        return [name for name, value in zip(self.names, values, strict=True) if value is None]

    def render(self, event: ConversionEvent) -> Request:
        """Fill in the event's values; raise MissingValue, naming the macro, where one is absent."""
        return self.fill(event.__dict__)

    def fill(self, fields: Fields) -> Request:
        """Fill in the values of an event's fields, as `render` does."""
        values = self.read(fields)
        for value in values:  # `None in values` would ask a Decimal, too, at length
            if value is None:
                name = self.names[values.index(None)]
                raise MissingValue(f"the URL needs {{{name}}}, which this event does not have")
        target = self.form % values
        if not self.is_plain(target):
            target = self.form % tuple(quote(str(value), safe="") for value in values)
        return make(Request, (self.origin, target))


class Postback(NamedTuple):
    """The two URLs of a destination."""

    simple: Template
    event: Template

    def template(self, event: ConversionEvent) -> Template:
        """The URL that is for this event."""
        return self.simple if event.is_simple else self.event

    def request(self, event: ConversionEvent) -> Request:
        """Choose the URL (event or payout given: the event URL) and fill it in; may raise MissingValue."""
        fields = event.__dict__  # the rule is `is_simple`'s, read where it costs least
        simple = fields["event"] is None and fields["payout"] is None
        return (self.simple if simple else self.event).fill(fields)


def _origin(text: str) -> Origin:
    if not _PRINTABLE.fullmatch(text):
        raise TemplateError("must be printable ASCII without spaces; percent-encode the rest")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise TemplateError(f"is not a URL: {error}") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise TemplateError("must be an absolute http:// or https:// URL with a host")
    if port == 0:
        raise TemplateError("has port 0, where nothing can listen")
    if "{" in parts.netloc or "}" in parts.netloc:
        raise TemplateError("has a macro in its host; macros may stand in query values only")
    if "@" in parts.netloc:
        raise TemplateError("must not hold a user name or password; send a header instead")
    if parts.fragment or text.endswith("#"):
        raise TemplateError("must not have a #fragment: it is never sent")
    return Origin(parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80))


def _check_foreign(path: str, query: str) -> None:
    """Refuse what other tools write for a macro, before it is taken for text, or for a brace too many."""
    wrong = find_foreign(path, query, MACROS)
    if wrong is not None:
        raise TemplateError(wrong)


def _check_places(path: str, query: str) -> None:
    if "{" in path or "}" in path:
        raise TemplateError("has a macro in its path; macros may stand in query values only")
    keys = []
    for pair in query.split("&") if query else []:
        key, _, value = pair.partition("=")
        if "{" in key or "}" in key:
            raise TemplateError(f"has a macro in a parameter's name ({key}); macros may stand in values only")
        rest = _MACRO.sub("", value)
        if "{" in rest or "}" in rest:
            raise TemplateError(f"has an unmatched brace in the value of {key}")
        keys.append(key)
    if MEASUREMENT in keys and not TOGETHER.issubset(keys):
        missing = ", ".join(sorted(TOGETHER.difference(keys)))
        raise TemplateError(f"has {MEASUREMENT}, which takes event and payout beside it; missing: {missing}")


def _reader(names: Sequence[str]) -> Callable[[Fields], tuple[object, ...]]:
    """Make what reads the values of macros: in one call where all are fields of the event."""
    getters = [_getter(name) for name in names]
    if len(names) > 1 and all(name in MACROS for name in names):
        return itemgetter(*names)
    return lambda fields: tuple(getter(fields) for getter in getters)


def _getter(name: str) -> Callable[[Fields], object]:
    if name in MACROS:
        return itemgetter(name)
    attribute = name.removeprefix(ATTRIBUTE)
    if name.startswith(ATTRIBUTE) and attribute:
        return lambda fields: fields["attributes"].get(attribute)
    known = ", ".join(f"{{{macro}}}" for macro in MACROS)
    raise TemplateError(f"has an unknown macro {{{name}}}; known are {known} and {{attributes.NAME}}")
