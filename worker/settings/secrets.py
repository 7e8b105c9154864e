"""The known secrets of a destination, which no log, record or answer may repeat.

The rule: each is known as configured and as it looks inside a URL. A text so short that almost any other
contains it is not treated as a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from worker.settings.templates import constant_headers, secrets_of, urls_of
from worker.settings.url_mask import is_named_secret

if TYPE_CHECKING:
    from worker.settings.destination import Destination

LEAST_CHARACTERS = 4
"""A shorter text is not treated as a secret."""

_MACRO = re.compile(r"\{[^{}]*\}")


def known_secrets(destination: Destination) -> tuple[str, ...]:
    """Every secret of the destination, longest first, as one may be part of another."""
    given = set(_secrets(destination))
    forms = {form for one in given for form in (one, unquote(one), quote(one, safe=""))}
    return tuple(sorted((form for form in forms if len(form) >= LEAST_CHARACTERS), key=len, reverse=True))


def _secrets(destination: Destination) -> Iterator[str]:
    yield from secrets_of(destination).values()
    for value in constant_headers(destination).values():
        yield value
        yield value.rpartition(" ")[2]  # the token of `Bearer TOKEN`, too
    for header in destination.headers.values():
        yield from (text.strip() for text in _MACRO.split(header.get_secret_value()))
    if destination.proxy is not None:
        userinfo, at, _ = destination.proxy.get_secret_value().rpartition("@")
        user = userinfo.partition("://")[2] if at else ""
        yield from (user, user.partition(":")[2])
    for url in urls_of(destination).values():
        yield from _in_url(url)


def _in_url(url: str) -> Iterator[str]:
    """The values of parameters named like a secret, except macros."""
    for pair in urlsplit(url).query.split("&"):
        name, _, value = pair.partition("=")
        if is_named_secret(name):
            yield from _MACRO.split(value)
