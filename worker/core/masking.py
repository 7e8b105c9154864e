"""Secrets in what people see: logs, settings that are shown, steps of the journal.

The rule: what is known to be a secret stands nowhere; a mask says that something is left out.
"""

from __future__ import annotations

MASK = "********"
"""What stands in the place of a secret."""


def masked(text: str, secrets: tuple[str, ...]) -> str:
    """The text with what is known to be a secret masked."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text
