"""Masks secrets in what people see: logs, shown settings, steps of the journal.

The rule: no known secret is shown; the mask says that something is left out.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import quote, quote_plus

MASK = "********"
"""Replaces a secret."""


LEAST_CUT_CHARACTERS = 8
"""So much of a secret, where a text is cut off amid it, is masked as well."""

_USERINFO = re.compile(r"(?<=://)[^\s/?#@\"]+@")
_QUERY = re.compile(r"(://[^\s?\"]+\?)[^\s\"]+")
_HTTP_CREDENTIALS = re.compile(r"\b(Basic|Bearer) [A-Za-z0-9+/=._~-]{8,}")
_OCTET = re.compile("%[0-9A-F]{2}")


def masked(text: str, secrets: tuple[str, ...]) -> str:
    """The text with known secrets masked."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def echo_masked(text: str, secrets: tuple[str, ...]) -> str:
    """The same of what a partner wrote, who may repeat a secret in JSON, HTML or a URL, or be cut off."""
    spelled = _spellings(secrets)
    text = masked(text, spelled)
    for secret in spelled:
        for length in range(len(secret) - 1, LEAST_CUT_CHARACTERS - 1, -1):
            if text.endswith(secret[:length]):
                return text[:-length] + MASK
    return text


def credentials_masked(text: str) -> str:
    """The text of a library with credentials masked: of URLs the user, password and query, and HTTP's own."""
    text = _QUERY.sub(rf"\1{MASK}", _USERINFO.sub(f"{MASK}@", text))
    return _HTTP_CREDENTIALS.sub(rf"\1 {MASK}", text)


@lru_cache(maxsize=64)
def _spellings(secrets: tuple[str, ...]) -> tuple[str, ...]:
    """Each secret as others may write it, longest first, as one may be part of another."""
    return tuple(sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True))


def _forms(secret: str) -> Iterator[str]:
    yield secret
    for ascii_only in (True, False):
        for in_json in _in_json(secret, ascii_only):
            yield in_json
            yield from _in_json(in_json, ascii_only)  # a body of JSON, repeated as text in another
    for with_quotes in (True, False):
        in_html = html.escape(secret, quote=with_quotes)
        yield from (in_html, in_html.replace("&#x27;", "&#39;"), in_html.replace("&#x27;", "&#039;"))
    for in_url in (quote(secret), quote(secret, safe=""), quote_plus(secret)):
        yield from (in_url, _OCTET.sub(lambda octet: octet[0].lower(), in_url))


def _in_json(text: str, ascii_only: bool) -> tuple[str, str]:
    quoted = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
    return quoted, quoted.replace("/", "\\/")  # the second as PHP writes it
