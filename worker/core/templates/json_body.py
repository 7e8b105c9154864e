"""A JSON body: macros stand inside its strings; they become text there, or a number in place of the string.

The rule: a template is JSON before it is filled, and whatever the event holds, JSON afterwards, with the same
members.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NoReturn

from worker.core.templates.errors import TemplateError
from worker.core.templates.foreign import find_foreign
from worker.core.templates.macro_names import ATTRIBUTE, MACROS, SECRET
from worker.core.templates.macro_syntax import Macro
from worker.core.templates.text import MemberList, Piece, Pieces, check_stays, macros, split

CLOSING: Final = {"{": "}", "[": "]"}
BETWEEN: Final = ","

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^"{}\[\],:]+')
_BARE = re.compile(r"\{([a-z_]+(?:\.[^{}\"\s,]*)?)[^{}\"\s,]*\}")
_COMMA_TOO_MANY = re.compile(r",\s*[}\]]")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def parse_json(text: str) -> Pieces:
    """Parse a JSON template; raise TemplateError if it is no JSON, or has a macro where none may stand."""
    try:
        return _parse(text)
    except RecursionError:
        raise TemplateError("is JSON of too many levels") from None


def _parse(text: str) -> Pieces:
    try:
        written = json.loads(text, parse_constant=_no_constant)
    except ValueError as error:
        raise TemplateError(_what_is_wrong(text, error)) from None
    wrong = find_foreign(list(_texts(written)), MACROS)
    if wrong is not None:
        raise TemplateError(wrong)
    (whole,) = _members(_tokens(text), "")
    for macro in whole:
        if isinstance(macro, Macro):
            check_stays(macro, "a body of one text")
    return tuple(map(_kept, whole))


def _kept(piece: Piece) -> Piece:
    """The body as a whole is never left out."""
    return piece._replace(empty=piece.opening + piece.closing) if isinstance(piece, MemberList) else piece


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _texts(value: Any) -> Iterator[str]:
    """All strings that are values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for inner in value if isinstance(value, list) else value.values():
            yield from _texts(inner)


def _tokens(text: str) -> Iterator[str]:
    return (found[0] for found in _TOKEN.finditer(text))


def _members(tokens: Iterator[str], closing: str) -> tuple[Pieces, ...]:
    """The members up to the closing bracket; without a `closing`, all of the text."""
    found: list[list[Piece]] = [[]]
    for token in tokens:
        member = found[-1]
        if token == closing:
            break
        if token == BETWEEN:
            found.append([])
        elif token in CLOSING:
            inner = _members(tokens, CLOSING[token])
            member.append(_series(token, inner))
        elif token.startswith('"'):
            is_name = closing == "}" and ":" not in member
            member.extend(_name(token) if is_name else _string(token))
        else:
            member.append(token)
    return tuple(map(tuple, found))


def _series(opening: str, members: tuple[Pieces, ...]) -> MemberList:
    """An object or an array; an array with no members left is left out as well."""
    return MemberList(opening, members, CLOSING[opening], BETWEEN, "{}" if opening == "{" else None)


def _name(token: str) -> Pieces:
    if "{" in token or "}" in token:
        raise TemplateError(
            f"has a macro in a member's name ({token[1:-1]}); macros may stand in values only"
        )
    return (token,)


def _string(token: str) -> Pieces:
    """The pieces of a string: literal text as written, macros with the string's escapes decoded."""
    place = rf"the text {token}; one that is no macro is written \u007b or \u007d"
    pieces = split(token[1:-1], place, lambda inside: json.loads(f'"{inside}"'))
    number = next((macro for macro in macros(pieces) if macro.is_number), None)
    if number is None:
        return ('"', *pieces, '"')
    if len(pieces) > 1:
        raise TemplateError(
            f'has {number.written} beside other text; a number is the whole of a text: "{number.written}"'
        )
    return pieces


def _what_is_wrong(text: str, error: Exception) -> str:
    """Why it is no JSON, and what to write; the usual mistake is a macro outside of a string."""
    if not text.lstrip().startswith(("{", "[", '"')):
        return "is not JSON; the content type of a=b&c=d is application/x-www-form-urlencoded"
    outside = _STRING.sub('""', text)
    for found in _BARE.finditer(outside):
        if _is_ours(found[1]):
            inside = found[0][1:-1].removesuffix(":number")
            right = f'"{{{inside}}}", or "{{{inside}:number}}" for a number'
            return f"has {found[0]} outside of a text; write {right}"
    comma = _COMMA_TOO_MANY.search(outside)
    if comma is not None:
        return f"is not JSON: a comma stands before the closing {comma[0][-1]}; leave it out"
    place = (
        f" at line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
    )
    return f'is not JSON{place}; write it as {{"click": "{{click_id}}", "value": "{{payout:number}}"}}'


def _is_ours(name: str) -> bool:
    return name in MACROS or name.startswith((ATTRIBUTE, SECRET))
