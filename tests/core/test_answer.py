"""Origins and requests as URLs."""

from __future__ import annotations

import pytest

from worker.core.answer import HttpOrigin, Request


@pytest.mark.parametrize(
    ("origin", "text"),
    [
        (HttpOrigin("https", "h", 443), "https://h"),
        (HttpOrigin("http", "h", 80), "http://h"),
        (HttpOrigin("https", "h", 80), "https://h:80"),
        (HttpOrigin("http", "h", 443), "http://h:443"),
        (HttpOrigin("https", "::1", 8443), "https://[::1]:8443"),
    ],
)
def test_origin_text(origin: HttpOrigin, text: str) -> None:
    """A port that is not the scheme's own is written, and an IPv6 address stands in brackets."""
    assert str(origin) == text
    assert Request(origin, "/p?a=b").url == f"{text}/p?a=b"
