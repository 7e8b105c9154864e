"""The body of a request, by its content type: JSON, a form, or plain text.

The rule: a type is refused if it is unknown how to encode values in it; so is a body beyond MOST_BYTES.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from worker.core.request_headers import is_utf8
from worker.core.templates.errors import CannotFill, TemplateError
from worker.core.templates.foreign import find_foreign
from worker.core.templates.json_body import parse_json
from worker.core.templates.macro_names import MACROS, EventFields
from worker.core.templates.macro_syntax import Macro
from worker.core.templates.pairs import Numbered, parse_pairs, series
from worker.core.templates.places import as_it_is, in_json, percent_encoded
from worker.core.templates.text import (
    Context,
    Encode,
    Pieces,
    check_stays,
    check_text,
    compile_text,
    macros,
    split,
)

MOST_BYTES: Final = 64 * 1024
"""Bytes of a filled body: an event that needs more is `invalid`."""

WHERE = "the body"

_CONTENT_TYPE = re.compile(
    r"([a-z0-9.+-]+/[a-z0-9.+-]+)\s*(?:;\s*charset\s*=\s*\"?utf-8\"?\s*)?", re.IGNORECASE
)
_JSON = re.compile(r"(?:application|text)/json|[a-z]+/[a-z0-9.-]+\+json")
_FORM = "application/x-www-form-urlencoded"
_TEXT = "text/plain"
_PRINTABLE = re.compile(r"[!-~]*")


class ContentTypeError(TemplateError):
    """The content type is wrong, not the body."""


class BodyTemplate(NamedTuple):
    """A parsed body, with its content type as it is sent."""

    content_type: str
    pieces: Pieces
    encode: Encode

    @classmethod
    def parse(cls, text: str, content_type: str) -> BodyTemplate:
        """Check and parse the text; raise TemplateError if it is wrong."""
        parse, encode = _kind(content_type)
        if not is_utf8(text):
            raise TemplateError("must be text in UTF-8")
        size = len(text.encode())
        if size > MOST_BYTES:
            raise TemplateError(f"is {size} bytes long; a body may have {MOST_BYTES}")
        return cls(content_type, parse(text), encode)

    @property
    def macros(self) -> Iterator[Macro]:
        """All macros, in their order."""
        return macros(self.pieces)

    def compile(self, secrets: Mapping[str, str]) -> Callable[[EventFields], bytes]:
        """Make what fills the body; it raises CannotFill."""
        fill = compile_text(self.pieces, Context(WHERE, self.encode, secrets))

        def body(fields: EventFields) -> bytes:
            filled = fill(fields).encode()
            if len(filled) > MOST_BYTES:
                raise CannotFill(f"{WHERE} would be {len(filled)} bytes long; it may have {MOST_BYTES}")
            return filled

        return body


def _kind(content_type: str) -> tuple[Callable[[str], Pieces], Encode]:
    found = _CONTENT_TYPE.fullmatch(content_type)
    kind = "" if found is None else found[1].lower()
    if _JSON.fullmatch(kind):
        return parse_json, in_json
    if kind == _FORM:
        return _parse_form, percent_encoded
    if kind == _TEXT:
        return _parse_text, as_it_is
    raise ContentTypeError(
        f"must be application/json (or another of JSON's), {_FORM} or {_TEXT}, in UTF-8: "
        "in no other type it is known how to encode a value"
    )


def _parse_form(text: str) -> Pieces:
    numbered = Numbered(text)
    if not _PRINTABLE.fullmatch(numbered.text):
        raise TemplateError("must be a=b&c=d in printable ASCII without spaces; percent-encode the rest")
    values = [numbered.restored(pair.partition("=")[2]) for pair in numbered.text.split("&")]
    _check_foreign(values)
    return (series(parse_pairs(numbered.text, numbered.restored)),)


def _parse_text(text: str) -> Pieces:
    _check_foreign([text])
    pieces = split(text, WHERE)
    for macro in macros(pieces):
        check_text(macro)
        check_stays(macro, "plain text")
    return pieces


def _check_foreign(values: list[str]) -> None:
    wrong = find_foreign(values, MACROS)
    if wrong is not None:
        raise TemplateError(wrong)
