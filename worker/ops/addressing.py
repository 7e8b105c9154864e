"""Commands that are shown to be copied.

The rule: where there are several destinations, a command about one of them says which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.settings import Settings

_OF_ONE = frozenset({"cancel", "dlq", "rate", "resume", "send", "waiting"})
"""Commands that need to be told the destination where there are several."""


def addressed(command: str, settings: Settings) -> str:
    """The whole command for the destination with these settings."""
    _program, name, *_ = command.split()
    if name not in _OF_ONE or not settings.is_of_several:
        return command
    return f"{command} --destination {settings.destination.name}"
