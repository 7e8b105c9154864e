"""What may stand for a host in a URL."""

from __future__ import annotations

import pytest

from worker.core.answer import HttpOrigin
from worker.core.hosts import at_port, is_host
from worker.core.templates import UrlTemplate

HOSTS = [
    "h",
    "track.example",
    "track.example.",
    "_x.a-b.example",
    "127.1",
    "0x7f000001",
    "::1",
    "fe80::1%eth0",
    "a" * 63,
    "a." * 126 + "a.",
]
NONE = [
    "",
    ".",
    "a..b",
    ".a",
    "h\\p",
    "h/p",
    "a b",
    "%HOST%",
    "<h>",
    "h,x",
    "*.h",
    "h:1",
    "\u00e9",
    "a" * 64,
    "::::",
    "h\n",
]


@pytest.mark.parametrize("text", HOSTS)
def test_host(text: str) -> None:
    """A name is letters, digits, hyphens and dots; whatever may spell an address is a host."""
    assert is_host(text)


@pytest.mark.parametrize("text", [*NONE, "a." * 126 + "aa", ".".join(["a" * 60] * 5)])
def test_no_host(text: str) -> None:
    """What nothing can look up is no host: other characters, empty or long labels, too long a name."""
    assert not is_host(text)


@pytest.mark.parametrize(
    ("origin", "parsed"),
    [
        ("http://h", HttpOrigin("http", "h", 80)),
        ("https://h", HttpOrigin("https", "h", 443)),
        ("http://h:443", HttpOrigin("http", "h", 443)),
        ("https://[::1]:80", HttpOrigin("https", "::1", 80)),
    ],
)
def test_port(origin: str, parsed: HttpOrigin) -> None:
    """Without a port in its URL a request goes to that of the scheme, and is told so."""
    assert UrlTemplate.parse(f"{origin}/p").origin == parsed
    assert str(parsed) == origin


def test_at_port() -> None:
    """An address of IPv6 stands in brackets before its port, so that the whole can be copied into a URL."""
    assert at_port("::1", 8080) == "[::1]:8080"
    assert at_port("127.0.0.1", 8080) == "127.0.0.1:8080"
