"""Why sockets were refused on the way to a connection, which the libraries in between tell but in part.

The rule: what is noted reaches who watches, in the same task or in one that the watching task has started.
"""

from __future__ import annotations

from contextvars import ContextVar

from worker.core.answer import Failure

_refusals: ContextVar[list[Failure] | None] = ContextVar("refusals", default=None)


def watch_refusals() -> list[Failure]:
    """Return a list that gets a failure for each socket refused in this task and those that it starts."""
    refusals: list[Failure] = []
    _refusals.set(refusals)
    return refusals


def note_refusal(failure: Failure) -> None:
    """Tell who watches, if anybody does."""
    refusals = _refusals.get()
    if refusals is not None:
        refusals.append(failure)
