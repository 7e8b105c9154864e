"""Text for people, safe to print: one line, of bounded length, that can't steer a terminal."""

from __future__ import annotations

import re
from typing import Final

MOST_CHARACTERS: Final = 512
"""The longest error text that a record carries."""

_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def one_line(text: str) -> str:
    """Replace control characters, line separators and lone surrogates with a space; cut at 512 characters."""
    return _UNPRINTABLE.sub(" ", text)[:MOST_CHARACTERS]
