"""Problems with settings, as lines for the person who wrote them.

The rule: a line names the variable as written, what is wrong and what would be right, never a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from pydantic_core import ErrorDetails

from worker.settings.sources import Layer, RawValue
from worker.settings.url_mask import mask_template
from worker.settings.variable_names import FIELDS, PREFIX, URLS, is_secret, variable

Naming = Callable[[str], str]
"""Turns a common variable into the one under which it was given, or would be."""

_VARIABLE = re.compile(rf"{PREFIX}[A-Z0-9_]+")
_WORDS = {
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_parsing": "must be true or false",
    "too_short": "must name at least one",
    "frozen_set_type": "must be a comma list",
}


SEE_SETTINGS = "`postback-worker config schema` lists every setting"


class SettingsError(ValueError):
    """The settings are wrong; `problems` holds a line for each problem, `hint` says where to look."""

    def __init__(self, problems: Sequence[str], hint: str = SEE_SETTINGS) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)
        self.hint = hint


def lines_of(details: ErrorDetails, layers: Sequence[Layer], naming: Naming) -> list[str]:
    """The lines for one pydantic error, with the given value and its source."""
    text = details["msg"].removeprefix("Value error, ")
    if text.startswith(PREFIX):
        return [renamed(line, naming) for line in text.splitlines()]
    path = tuple(str(part) for part in details["loc"][:2])
    path = path if path in FIELDS else path[:1]
    words = _WORDS.get(details["type"]) or text.replace("Input should be", "must be")
    return [renamed(f"{variable(path)}: {words}", naming) + _given(path, layers)]


def renamed(line: str, naming: Naming) -> str:
    """The line with each variable named as for this destination."""
    return _VARIABLE.sub(lambda match: naming(match[0]), line)


def _given(path: tuple[str, ...], layers: Sequence[Layer]) -> str:
    """The given value and its source; a secret value is left out."""
    name = variable(path)
    for layer in layers:
        given: RawValue | None = layer.values.get(name)
        if given is not None:
            text = mask_template(given.text) if path in URLS else given.text
            value = "" if is_secret(path) else f"{_short(text)!r}, "
            return f" ({value}{layer.origin})"
    return ""


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
