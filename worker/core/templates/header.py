"""A request header whose value may contain macros.

The rule: an event fills only values, never names; an event whose value would not arrive unchanged is
`invalid`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from worker.core.request_headers import header_problem
from worker.core.templates.errors import TemplateError
from worker.core.templates.foreign import find_foreign
from worker.core.templates.macro_names import MACROS, EventFields
from worker.core.templates.macro_syntax import Macro
from worker.core.templates.macro_values import Fill
from worker.core.templates.places import as_it_is, checked_header
from worker.core.templates.text import Context, Pieces, check_text, compile_text, macros, split

FOREIGN = "holds another tool's macro; ours are written {click_id}"
"""The line, which does not quote the value, because it may be a secret."""


class HeaderTemplate(NamedTuple):
    """A parsed header."""

    name: str
    pieces: Pieces

    @classmethod
    def parse(cls, name: str, text: str) -> HeaderTemplate:
        """Check and parse name and value; raise TemplateError, which never quotes the value."""
        if "{" in name or "}" in name:
            raise TemplateError("has a macro in a header's name; macros may stand in values only")
        wrong = find_foreign([text], MACROS)
        if wrong is not None:
            raise TemplateError(FOREIGN)
        pieces = split(text, "its value")
        for macro in macros(pieces):
            check_text(macro)
        shape = "".join(piece if isinstance(piece, str) else "x" for piece in pieces)
        problem = header_problem(name, shape)
        if problem is not None:
            raise TemplateError(problem)
        return cls(name, pieces)

    @property
    def macros(self) -> Iterator[Macro]:
        """All macros, in their order."""
        return macros(self.pieces)

    @property
    def is_constant(self) -> bool:
        """Whether it is the same for all events."""
        return all(macro.is_secret for macro in self.macros)

    def masked(self, mask: str) -> HeaderTemplate:
        """The same header with its literal text masked, because it may be a secret."""
        return self._replace(pieces=tuple(mask if isinstance(piece, str) else piece for piece in self.pieces))

    def compile(self, secrets: Mapping[str, str]) -> Fill:
        """Make what fills the value; it raises CannotFill, and LeftOut to leave out the header."""
        context = Context(f"the header {self.name}", as_it_is, secrets)
        fill, check = compile_text(self.pieces, context), checked_header(self.name)

        def value(fields: EventFields) -> str:
            return check(fill(fields))

        return value

    def constant(self, secrets: Mapping[str, str]) -> str:
        """The value of a header that is the same for all events."""
        return compile_text(self.pieces, Context("", as_it_is, secrets))({})
