"""`name=value` pairs with `&` between them: the query of a URL, or the body of a form.

The rule: an event fills only values; names are fixed by the settings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from worker.core.templates.errors import TemplateError
from worker.core.templates.macro_syntax import BRACED
from worker.core.templates.text import MemberList, Pieces, check_text, macros, split

MEASUREMENT = "measurement"
TOGETHER = frozenset({MEASUREMENT, "event", "payout"})
"""MomentScience's own rule: a template that names the first must name all three."""


class Pair(NamedTuple):
    """One pair: its name, and the pieces of the whole pair."""

    name: str
    pieces: Pieces


class Numbered:
    """A text with its macros replaced by `{0}`, `{1}` and so on, so that their contents are not parsed."""

    def __init__(self, text: str) -> None:
        self._written = BRACED.findall(text)
        numbers = iter(range(len(self._written)))
        self.text = BRACED.sub(lambda _: f"{{{next(numbers)}}}", text)

    def restored(self, part: str) -> str:
        """A part of the text with its macros as they were written."""
        return BRACED.sub(lambda found: f"{{{self._written[int(found[1])]}}}", part)


def parse_pairs(text: str, restored: Callable[[str], str]) -> tuple[Pair, ...]:
    """Parse numbered text; raise TemplateError for an invalid macro, or one where none may stand."""
    return tuple(_pair(pair, restored) for pair in text.split("&")) if text else ()


def check_measurement(pairs: tuple[Pair, ...]) -> None:
    """Raise TemplateError if one of the three parameters is given, or may be sent, without the others."""
    names = {pair.name for pair in pairs}
    if MEASUREMENT not in names:
        return
    missing = ", ".join(sorted(TOGETHER - names))
    if missing:
        raise TemplateError(f"has {MEASUREMENT}, which takes event and payout beside it; missing: {missing}")
    for pair in pairs:
        optional = [macro for macro in macros(pair.pieces) if macro.is_optional]
        if pair.name in TOGETHER and optional:
            raise TemplateError(
                f"has {MEASUREMENT}, which takes event and payout beside it: "
                f"{optional[0].written} can't be left out; write {{{optional[0].name}}}"
            )


def series(pairs: tuple[Pair, ...], opening: str = "") -> MemberList:
    """The pairs as a series, which is empty if all pairs are left out."""
    return MemberList(opening, tuple(pair.pieces for pair in pairs), "", "&", empty="")


def _pair(text: str, restored: Callable[[str], str]) -> Pair:
    name, equals, value = text.partition("=")
    if "{" in name or "}" in name:
        raise TemplateError(
            f"has a macro in a parameter's name ({restored(name)}); macros may stand in values only"
        )
    pieces = split(restored(value), f"the value of {name}")
    for macro in macros(pieces):
        check_text(macro)
    return Pair(name, (name + equals, *pieces))
