"""Which request headers may be added: one list, for checking the settings and for the sender.

The rule: headers that change how a request is framed, where it goes or how its answer is read are the
worker's.
"""

from __future__ import annotations

import re
import unicodedata

_FRAMING = (
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
)
OWN_HEADERS = frozenset((*_FRAMING, "accept-encoding", "host"))
"""Lower-case names that the worker writes itself, or never."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def header_problem(name: str, value: str) -> str | None:
    """What is wrong with a header, without its value; None if it may be sent."""
    if not _TOKEN.fullmatch(name):
        return f"{name!r} is not a header name: letters and digits, with _ for -"
    if name.lower() in OWN_HEADERS:
        return f"{name} is the worker's own and cannot be set: leave it out"
    if not value or value != value.strip(" ") or has_controls(value) or not is_utf8(value):
        return (
            f"the value of {name} must be one line of UTF-8, without control characters or spaces around it"
        )
    return None


def has_controls(text: str) -> bool:
    """Whether it holds a control character: C0, DEL or C1."""
    return not text.isprintable() and any(unicodedata.category(character) == "Cc" for character in text)


def is_utf8(text: str) -> bool:
    """Whether it can be written in UTF-8: text decoded from other bytes can't."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
