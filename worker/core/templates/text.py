"""Text with macros in it: parsed once, filled for each event.

The rules: everything but macros is sent as written. If an optional macro has no value, the member that it
stands in is left out of its list, and nothing else changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from worker.core.templates.errors import CannotFill, LeftOut, TemplateError
from worker.core.templates.macro_names import SECRET, EventFields
from worker.core.templates.macro_syntax import BRACED, NUMBER, Macro, parse_macro
from worker.core.templates.macro_values import Fill, value_of


class MemberList(NamedTuple):
    """A list of members, with the text around and between them."""

    opening: str
    members: tuple[Pieces, ...]
    closing: str
    between: str
    empty: str | None
    """The text if all members are left out; None means that the series is left out as well."""


Piece = str | Macro | MemberList
Pieces = tuple[Piece, ...]

Encode = Callable[[Macro, str], str]
"""Encodes a macro's text for its place; it may raise CannotFill, which may quote only the macro's name."""


class Context(NamedTuple):
    """What all macros of one text share: its name in errors, its encoding, the secrets."""

    where: str
    encode: Encode
    secrets: Mapping[str, str]


def split(text: str, place: str, decode: Callable[[str], str] = str) -> Pieces:
    """Split text into literals and macros; `place` ends the line about an unmatched brace.

    `decode` undoes the place's own escapes inside a macro.
    """
    parts = BRACED.split(text)
    for literal in parts[::2]:
        if "{" in literal or "}" in literal:
            raise TemplateError(f"has an unmatched brace in {place}")
    return tuple(
        parse_macro(decode(part)) if at % 2 else part for at, part in enumerate(parts) if at % 2 or part
    )


def macros(pieces: Iterable[Piece]) -> Iterator[Macro]:
    """All macros, in their order."""
    for piece in pieces:
        if isinstance(piece, Macro):
            yield piece
        elif isinstance(piece, MemberList):
            for member in piece.members:
                yield from macros(member)


def secret_names(found: Iterable[Macro]) -> list[str]:
    """The names of the secrets among macros, each once."""
    return list(dict.fromkeys(macro.name.removeprefix(SECRET) for macro in found if macro.is_secret))


def check_text(found: Macro) -> None:
    """Raise TemplateError for a number outside of JSON, where everything is text."""
    if found.is_number:
        written = found.written.removesuffix(f"{NUMBER}}}") + "}"
        raise TemplateError(f"has {found.written}, but {NUMBER} is for a JSON body; write {written}")


def check_stays(found: Macro, place: str) -> None:
    """Raise TemplateError for an optional macro in a place where nothing can be left out."""
    if found.is_optional:
        name = found.name
        raise TemplateError(
            f"has {found.written} in {place}, where nothing can be left out; "
            f"write {{{name}}}, or {{{name}|none}} with a default"
        )


def compile_text(pieces: Pieces, context: Context) -> Fill:
    """Make what fills the text; it raises LeftOut for an absent optional macro outside of a series."""
    form: list[str] = []
    fills: list[Fill] = []
    for piece in flat(pieces):
        if isinstance(piece, str):
            form.append(piece.replace("%", "%%"))
        elif isinstance(piece, Macro) and piece.is_secret:
            form.append(_compiled(piece, context)({}).replace("%", "%%"))
        else:
            form.append("%s")
            fills.append(_compiled(piece, context))
    return _filler("".join(form), fills)


def _filler(form: str, fills: Sequence[Fill]) -> Fill:
    if not fills:
        constant = form % ()
        return lambda _: constant

    def text(fields: EventFields) -> str:
        try:
            return form % tuple([fill(fields) for fill in fills])
        except CannotFill:
            _leave_out(fills, fields)
            raise

    return text


def _leave_out(fills: Sequence[Fill], fields: EventFields) -> None:
    """Raise LeftOut if one of them does: a member that is left out needs no other value."""
    for fill in fills:
        with suppress(CannotFill):
            fill(fields)


def _compiled(piece: Macro | MemberList, context: Context) -> Fill:
    if isinstance(piece, MemberList):
        return _series(piece, [compile_text(member, context) for member in piece.members])
    where, encode, secrets = context
    value, macro = value_of(piece, secrets, where), piece
    return lambda fields: encode(macro, value(fields))


def _series(series: MemberList, members: Sequence[Fill]) -> Fill:
    opening, _, closing, between, empty = series

    def fill(fields: EventFields) -> str:
        filled = []
        for member in members:
            try:
                filled.append(member(fields))
            except LeftOut:
                continue
        if filled:
            return opening + between.join(filled) + closing
        if empty is None:
            raise LeftOut
        return empty

    return fill


def flat(pieces: Pieces) -> Iterator[Piece]:
    """The pieces, with each series that has nothing optional replaced by its own pieces."""
    for piece in pieces:
        if not isinstance(piece, MemberList) or any(macro.is_optional for macro in macros((piece,))):
            yield piece
            continue
        yield piece.opening
        for at, member in enumerate(piece.members):
            if at:
                yield piece.between
            yield from flat(member)
        yield piece.closing
