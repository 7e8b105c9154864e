"""Origins and requests as URLs."""

from __future__ import annotations

import pytest

from worker.core.answer import Origin, Request


@pytest.mark.parametrize(
    ("origin", "text"),
    [
        (Origin("https", "h", 443), "https://h"),
        (Origin("http", "h", 80), "http://h"),
        (Origin("https", "h", 80), "https://h:80"),
        (Origin("http", "h", 443), "http://h:443"),
        (Origin("https", "::1", 8443), "https://[::1]:8443"),
    ],
)
def test_origin_text(origin: Origin, text: str) -> None:
    """A port that is not the scheme's own is written, and an IPv6 address stands in brackets."""
    assert str(origin) == text
    assert Request(origin, "/p?a=b").url == f"{text}/p?a=b"
