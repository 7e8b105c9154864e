"""Masks possible secrets in URLs and bodies that are shown; values from an event are not masked.

The rule: a template's path and values may hold a token whatever their names, so where settings are shown,
everything but macros is masked. In a request that an operator asks to see, only values named like a secret
are masked.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from worker.core.masking import MASK
from worker.core.templates.pairs import Numbered

_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:)?')
_NAMED = re.compile(r'("(?:[^"\\]|\\.)*"\s*:\s*)("(?:[^"\\]|\\.)*")')
_ENCODED_MASK = quote(MASK)
_MACRO = re.compile(r"(\{[^{}]*\})")
_SECRET_NAME = re.compile(r"token|secret|key|pass|pwd|auth|sign|hash|secure|credential", re.IGNORECASE)


def mask_template(text: str) -> str:
    """Mask a URL template, even a broken one; host, parameter names and macros stay readable."""
    numbered = Numbered(text)
    return numbered.restored(_mask_url(numbered.text))


def mask_body(text: str, content_type: str) -> str:
    """Mask a body template; names, macros and JSON numbers stay readable."""
    numbered = Numbered(text)
    if "urlencoded" in content_type:
        masked = "&".join(map(_mask_pair, numbered.text.split("&")))
    elif "json" in content_type:
        masked = _STRING.sub(
            lambda found: found[0] if found[2] else f'"{_mask_text(found[1])}"', numbered.text
        )
    else:
        masked = _mask_text(numbered.text)
    return numbered.restored(masked)


def _mask_url(text: str) -> str:
    scheme, mark, rest = text.rpartition("://")
    place, question, query = rest.partition("?")
    host, *path = place.replace("\\", "/").split("/")  # a backslash is a usual mistake
    masked = "/".join([_mask_userinfo(host), *map(_mask_text, path)])
    return scheme + mark + masked + question + "&".join(map(_mask_pair, query.split("&")))


def mask_filled(body: str, content_type: str) -> str:
    """Mask the values named like a secret in a filled body."""
    if "urlencoded" in content_type:
        return "&".join(map(_mask_named, body.replace(_ENCODED_MASK, MASK).split("&")))
    return _NAMED.sub(
        lambda found: found[1] + (f'"{MASK}"' if _SECRET_NAME.search(found[1]) else found[2]), body
    )


def mask_request(url: str) -> str:
    """Mask the values of parameters named like a secret in a filled URL."""
    place, question, query = url.replace(_ENCODED_MASK, MASK).partition("?")
    return place + question + "&".join(map(_mask_named, query.split("&")))


def is_named_secret(name: str) -> bool:
    """Whether a parameter is named like a secret."""
    return _SECRET_NAME.search(name) is not None


def _mask_userinfo(host: str) -> str:
    userinfo, at, rest = host.rpartition("@")
    return f"{MASK}@{rest}" if userinfo and at else host


def _mask_text(text: str) -> str:
    """Mask all of a text but its macros; an empty text stays empty."""
    return "".join(part if _MACRO.fullmatch(part) else MASK for part in _MACRO.split(text) if part)


def _mask_pair(pair: str) -> str:
    name, equals, value = pair.partition("=")
    return f"{name}={_mask_text(value)}" if equals else _mask_text(name)


def _mask_named(pair: str) -> str:
    name, equals, value = pair.partition("=")
    return f"{name}={MASK}" if value and is_named_secret(name) else name + equals + value
