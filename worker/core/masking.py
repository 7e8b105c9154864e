"""Masks secrets in what people see: logs, shown settings, steps of the journal.

The rule: no known secret is shown; the mask says that something is left out.
"""

from __future__ import annotations

MASK = "********"
"""Replaces a secret."""


def masked(text: str, secrets: tuple[str, ...]) -> str:
    """The text with known secrets masked."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text
