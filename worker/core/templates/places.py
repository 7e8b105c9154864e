"""Encodes a value for its place.

The rule: each value is encoded once, so that it arrives unchanged whatever it holds, and can't mean anything
else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from worker.core.request_headers import has_controls
from worker.core.templates.errors import CannotFill
from worker.core.templates.macro_syntax import Macro

UNRESERVED: Final = "[A-Za-z0-9._~-]*"
"""Characters that percent-encoding leaves alone (RFC 3986, 2.3); most values have no others."""

_is_unreserved: Final = re.compile(UNRESERVED).fullmatch
_encode: Final = json.JSONEncoder(ensure_ascii=False).encode
_DOTS: Final = re.compile(r"(?:\.|%2e){1,2}", re.IGNORECASE)


def percent_encoded(_: Macro, text: str) -> str:
    """For a path, a query or a form: encode all but RFC 3986's unreserved characters, as UTF-8."""
    return text if _is_unreserved(text) else quote(text, safe="")


def in_json(macro: Macro, text: str) -> str:
    """For JSON: a number as it is, any other text as the inside of a string."""
    return text if macro.is_number else _encode(text)[1:-1]


def as_it_is(_: Macro, text: str) -> str:
    """For plain text, and for headers, whose whole value is checked afterwards."""
    return text


def is_dots(segment: str) -> bool:
    """Whether a path's segment means this directory or the one above."""
    return _DOTS.fullmatch(segment) is not None


def checked_header(name: str) -> Callable[[str], str]:
    """Make a check of a header's filled value, which raises CannotFill if it would not arrive unchanged."""

    def check(value: str) -> str:
        if has_controls(value):
            raise CannotFill(f"the header {name} can't hold a control character, such as a line's end")
        if value != value.strip(" "):
            raise CannotFill(f"the header {name} can't begin or end with a space")
        return value

    return check
