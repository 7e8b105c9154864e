"""Which statuses mean recorded, and which mean never: lists of codes and of classes such as `4xx`.

The rule: a named code counts before a class, across both lists; a class never ends an event for a status that
means "later".
"""

from __future__ import annotations

from typing import Final

Listed = frozenset[int | str]
"""Codes as numbers, classes as `2xx` to `5xx`."""

LATER: Final = frozenset({408, 425, 429})
"""Statuses that a terminal class leaves to be tried again."""


def resolve(success: Listed, terminal: Listed) -> tuple[frozenset[int], frozenset[int]]:
    """Return the codes that mean recorded and those that mean never; no entry may be in both lists."""
    return (
        _named(success) | (_of_classes(success) - _named(terminal)),
        _named(terminal) | (_of_classes(terminal) - _named(success) - LATER),
    )


def _named(listed: Listed) -> frozenset[int]:
    return frozenset(entry for entry in listed if isinstance(entry, int))


def _of_classes(listed: Listed) -> frozenset[int]:
    firsts = [100 * int(entry[0]) for entry in listed if isinstance(entry, str)]
    return frozenset(code for first in firsts for code in range(first, first + 100))
