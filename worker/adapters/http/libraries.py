"""The versions of libraries that the direct transport has been proven on.

The rule: the transport relies on how aiohttp's connector hands over a connection and on how httptools calls
back. Another minor version may change either silently, so it is refused at start-up.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version

PROVEN = {"aiohttp": "3.14", "httptools": "0.9"}


class UnprovenLibrary(Exception):
    """A library is installed in a version that the transport has not been proven on."""


def check_libraries(installed: Mapping[str, str] | None = None) -> None:
    """Raise UnprovenLibrary, with what to do about it, if a library's version is not proven."""
    versions = installed or {name: version(name) for name in PROVEN}
    for name, proven in PROVEN.items():
        if versions[name].split(".")[:2] != proven.split("."):
            raise UnprovenLibrary(
                f"{name} {versions[name]} is installed, but the direct transport is proven on {proven} alone:"
                f" install {name} {proven}, or set POSTBACK_DESTINATION__TRANSPORT=session"
            )
