"""Finds pasted macros in other tools' notations: `%click_id%`, `[click_id]`, `${click_id}` and more.

The rule: text that looks like a macro but would not be filled in is found, and the right form is named.
Otherwise each conversion would request the same URL.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

_NAME = r"[A-Za-z_][A-Za-z0-9_.]*"
# Forms that can be nothing else, wherever they stand and whatever they name.
_ANYWHERE = re.compile(rf"\$\{{({_NAME})[^{{}}]*\}}|\{{\{{\s*({_NAME})\s*\}}\}}")
# Forms that may be something else: they must name a macro, or be the whole value of a parameter.
_MARKED = re.compile(
    rf"%7[Bb]({_NAME})%7[Dd]|\[({_NAME})\]|<({_NAME})>|%(?![0-9A-Fa-f]{{2}})({_NAME})%"
    rf"|(?<![A-Za-z0-9])__([A-Za-z][A-Za-z0-9_]*?)__(?![A-Za-z0-9])"
)
# A name that begins with two hexadecimal digits looks like an encoded octet.
_LIKE_OCTET = re.compile(r"%([A-Fa-f]{2}[A-Za-z0-9_.]*)%")
_ENCODED = re.compile(r"%7[Bb]")


def find_foreign(values: Sequence[str], known: Collection[str], text: str = "") -> str | None:
    """What is wrong with the first foreign macro, and what to write instead; None without one.

    `values` may each be a macro as a whole; `text` may contain one. `known` are the names of our macros.
    """
    for value in (text, *values):
        for written, name in _marked(value):
            right = _own_name(name, known)
            if right is not None:
                return f"has {written}, which is not filled in; write {{{right}}}"
            if _ANYWHERE.fullmatch(written) or (written == value and not _ENCODED.match(written)):
                return f"has {written}, which is another tool's macro; ours are written {{click_id}}"
    bare = next((value for value in values if _is_bare(value, known)), None)
    if bare is None:
        return None
    return f"has the value {bare}, which is not filled in; write {{{_own_name(bare, known)}}}"


def _marked(text: str) -> list[tuple[str, str]]:
    """Everything marked as a macro, as written, with its name."""
    found = [
        (match[0], next(group for group in match.groups() if group))
        for pattern in (_ANYWHERE, _MARKED, _LIKE_OCTET)
        for match in pattern.finditer(text)
    ]
    return [one for one in found if len(one[1]) > 2 or not _LIKE_OCTET.fullmatch(one[0])]


def _is_bare(value: str, known: Collection[str]) -> bool:
    """Whether a value is just an id's name: `ORDER_ID`, `:order_id`, or the click id's in any spelling."""
    own = _own_name(value, known)
    if own is None or not own.endswith("_id"):
        return False
    return value.isupper() or value.startswith(":") or own == "click_id"


def _own_name(name: str, known: Collection[str]) -> str | None:
    """Our macro for a name in another spelling: `CLICKID` is `click_id`."""
    return next((own for own in known if _plain(own) == _plain(name)), None)


def _plain(name: str) -> str:
    return name.removeprefix(":").lower().replace("_", "").replace("-", "")
