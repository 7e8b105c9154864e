"""Checks the user and password in a proxy's URL.

The rule: what the HTTP library could not take out of the URL, or could not send, is refused at the start,
and never quoted.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

_SPECIAL = re.compile(r"[?#\[\]\\]")


def login_problem(login: str) -> str | None:
    """What is wrong with `user:password` as a proxy's URL has it; None if nothing is."""
    if _SPECIAL.search(login):
        return "percent-encode ? # [ ] and \\ in the user and password"
    user, password = (unquote(part) for part in (login.partition(":")[0], login.partition(":")[2]))
    if ":" in user:
        return "no proxy can be told a user with a colon in it"
    try:
        (user + password).encode("latin-1")
    except UnicodeEncodeError:
        return "no proxy can be told a user and password beyond Latin-1"
    return None
