"""What the shell offers at Tab: reasons, destinations, settings, fields of an event.

The rule: it prints nothing and asks no server; what it can't know, it does not offer.
"""

from __future__ import annotations

from collections.abc import Iterable

import typer


def reasons(incomplete: str) -> list[str]:
    """Reasons of dead letters."""
    from schemas import DeadReason

    return _beginning(incomplete, DeadReason)


def retry_reasons(incomplete: str) -> list[str]:
    """Reasons for which a conversion waits for another attempt."""
    from schemas import RetryReason

    return _beginning(incomplete, RetryReason)


def destinations(ctx: typer.Context, incomplete: str) -> list[str]:
    """The configured destinations; none if the settings can't be read."""
    from worker.settings import SettingsError, load_all

    given = ctx.find_root().params
    try:
        return _beginning(incomplete, load_all(config=given.get("config"), overrides={}).names)
    except (SettingsError, OSError):
        return []


def several_destinations(ctx: typer.Context, incomplete: str) -> list[str]:
    """The configured destinations, behind those that are named already: `voluum,b` offers `voluum,binom`."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in destinations(ctx, last)]


def settings(incomplete: str) -> list[str]:
    """The names of settings, up to the `=`."""
    from worker.settings.variable_names import FIELDS

    return _beginning(incomplete, (".".join(path) + "=" for path in FIELDS))


def fields(incomplete: str) -> list[str]:
    """The fields of an event that may be edited, up to the `=`."""
    from worker.ops.edits import editable

    return _beginning(incomplete, (f"{name}=" for name in editable()))


def _beginning(incomplete: str, words: Iterable[str]) -> list[str]:
    return [word for word in words if word.startswith(incomplete)]
