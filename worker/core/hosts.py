"""Which texts are hosts: names that can be looked up, and addresses.

The rule: a host that nothing can have is found before anything is sent to it.
"""

from __future__ import annotations

import re
from ipaddress import ip_address

NAME = r"(?![A-Za-z0-9_.-]{253}\.?[A-Za-z0-9_-])[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?"
"""The form of a name: parts of at most 63 characters, 253 in all; a dot may end it."""

_NAME = re.compile(NAME)


def is_host(text: str) -> bool:
    """Whether it is a name or an address, in any spelling; one of IPv6 without its brackets."""
    if _NAME.fullmatch(text):
        return True
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def at_port(host: str, port: int) -> str:
    """A host and a port in one text, an address of IPv6 in brackets, as in URLs."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
