"""A postback's URL: its origin, and the path and query that an event fills.

The rule: event data fills only path segments and query values; scheme, host, port and names are fixed by the
settings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from worker.core.answer import HttpOrigin
from worker.core.hosts import is_host
from worker.core.templates.errors import CannotFill, TemplateError
from worker.core.templates.foreign import find_foreign
from worker.core.templates.macro_names import MACROS, EventFields
from worker.core.templates.macro_syntax import Macro
from worker.core.templates.macro_values import Fill
from worker.core.templates.pairs import (
    Numbered,
    Pair,
    check_measurement,
    parse_pairs,
    series,
)
from worker.core.templates.places import is_dots, percent_encoded
from worker.core.templates.text import Context, Pieces, check_stays, check_text, compile_text, macros, split

WHERE = "the URL"
PLACES = "macros may stand in path segments, query values, headers and the body"

_PRINTABLE = re.compile(r"[!-~]+")


class UrlTemplate(NamedTuple):
    """A parsed URL: the segments of its path after the first slash, and the pairs of its query."""

    origin: HttpOrigin
    segments: tuple[Pieces, ...]
    pairs: tuple[Pair, ...]

    @classmethod
    def parse(cls, text: str) -> UrlTemplate:
        """Check and parse the text; raise TemplateError if it is wrong."""
        numbered = Numbered(text)
        parts = _parts(numbered.text)
        path, values = parts.path, [pair.partition("=")[2] for pair in parts.query.split("&")]
        wrong = find_foreign([numbered.restored(value) for value in values], MACROS, numbered.restored(path))
        if wrong is not None:
            raise TemplateError(wrong)
        segments = tuple(_segment(numbered.restored(segment)) for segment in path.split("/")[1:] or [""])
        pairs = parse_pairs(parts.query, numbered.restored)
        check_measurement(pairs)
        return cls(_origin(parts), segments, pairs)

    @property
    def macros(self) -> Iterator[Macro]:
        """All macros, in their order."""
        for pieces in (*self.segments, *(pair.pieces for pair in self.pairs)):
            yield from macros(pieces)

    @property
    def pieces(self) -> Pieces:
        """Path and query, as one text."""
        path: Pieces = tuple(piece for segment in self.segments for piece in ("/", *segment))
        return (*path, series(self.pairs, "?")) if self.pairs else path

    def compile(self, secrets: Mapping[str, str]) -> Fill:
        """Make what fills path and query; it raises CannotFill."""
        context = Context(WHERE, percent_encoded, secrets)
        query = compile_text((series(self.pairs, "?"),) if self.pairs else (), context)
        filled = [any(macros(segment)) for segment in self.segments]
        segments = [compile_text(segment, context) for segment in self.segments]
        checked = [
            _checked(fill) if is_filled else fill for fill, is_filled in zip(segments, filled, strict=True)
        ]
        return lambda fields: "".join([f"/{fill(fields)}" for fill in checked]) + query(fields)


def _parts(text: str) -> SplitResult:
    if not _PRINTABLE.fullmatch(text):
        raise TemplateError("must be printable ASCII without spaces; percent-encode the rest")
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError as error:
        raise TemplateError(f"is not a URL: {error}") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise TemplateError("must be an absolute http:// or https:// URL with a host")
    if "{" in parts.netloc or "}" in parts.netloc:
        raise TemplateError(f"has a macro in its host or port; {PLACES}")
    if "@" in parts.netloc:
        raise TemplateError("must not hold a user name or password; send a header instead")
    if not is_host(host):
        raise TemplateError("has a host that is neither a name nor an address, as in https://track.example/p")
    if parts.fragment or text.endswith("#"):
        raise TemplateError("must not have a #fragment: it is never sent")
    return parts


def _origin(parts: SplitResult) -> HttpOrigin:
    try:
        port = parts.port
    except ValueError as error:
        raise TemplateError(f"is not a URL: {error}") from None
    if port == 0:
        raise TemplateError("has port 0, where nothing can listen")
    return HttpOrigin(parts.scheme, parts.hostname or "", port or (443 if parts.scheme == "https" else 80))


def _segment(text: str) -> Pieces:
    pieces = split(text, "its path")
    for macro in macros(pieces):
        check_text(macro)
        check_stays(macro, "its path")
    return pieces


def _checked(fill: Fill) -> Callable[[EventFields], str]:
    """Make what fills a segment and refuses one that would lead elsewhere."""

    def segment(fields: EventFields) -> str:
        filled = fill(fields)
        if is_dots(filled):
            raise CannotFill(f"{WHERE} would have a path segment of dots alone, which leads elsewhere")
        return filled

    return segment
