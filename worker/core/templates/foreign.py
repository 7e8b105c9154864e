"""Macros as other tools write them, which people paste: `%click_id%`, `[click_id]`, `${click_id}` and more.

The rule: what reads like a macro that nobody would fill in is found, and the form that is right is named.
Sent as it stands, each conversion would ask for the same URL.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

_NAME = r"[A-Za-z_][A-Za-z0-9_.]*"
# Forms that are nothing else, wherever they stand, whatever they name.
_ANYWHERE = re.compile(rf"\$\{{({_NAME})\}}|\{{\{{\s*({_NAME})\s*\}}\}}")
# Forms that may be something else: there they must name a macro, or be all of a parameter's value.
_MARKED = re.compile(
    rf"%7[Bb]({_NAME})%7[Dd]|\[({_NAME})\]|<({_NAME})>|%(?![0-9A-Fa-f]{{2}})({_NAME})%"
    rf"|(?<![A-Za-z0-9])__([A-Za-z][A-Za-z0-9_]*?)__(?![A-Za-z0-9])"
)
# A name that begins with two hexadecimal digits reads like an encoded octet.
_LIKE_OCTET = re.compile(r"%([A-Fa-f]{2}[A-Za-z0-9_.]*)%")
_ENCODED = re.compile(r"%7[Bb]")


def find_foreign(values: Sequence[str], known: Collection[str], text: str = "") -> str | None:
    """What is wrong with the first foreign macro, and what to write; None without.

    It is looked for in `values`, each of which may be a macro as a whole, and in `text`, of which it may be a
    part. `known` are the names of the macros that there are.
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
    """What is marked as a macro, as it is written, and its name."""
    found = [
        (match[0], next(group for group in match.groups() if group))
        for pattern in (_ANYWHERE, _MARKED, _LIKE_OCTET)
        for match in pattern.finditer(text)
    ]
    return [one for one in found if len(one[1]) > 2 or not _LIKE_OCTET.fullmatch(one[0])]


def _is_bare(value: str, known: Collection[str]) -> bool:
    """Whether a value is an id's name alone: `ORDER_ID`, `:order_id`, and of the click in any spelling."""
    own = _own_name(value, known)
    if own is None or not own.endswith("_id"):
        return False
    return value.isupper() or value.startswith(":") or own == "click_id"


def _own_name(name: str, known: Collection[str]) -> str | None:
    """The macro that is meant by a name in another spelling: `CLICKID` is `click_id`."""
    return next((own for own in known if _plain(own) == _plain(name)), None)


def _plain(name: str) -> str:
    return name.removeprefix(":").lower().replace("_", "").replace("-", "")
