"""Passes on why sockets were refused during a connect, which the libraries in between report only in part.

The rule: a note reaches the watcher in the same task, or in the task that started this one.
"""

from __future__ import annotations

from contextvars import ContextVar

from worker.core.answer import Failure

_refusals: ContextVar[list[Failure] | None] = ContextVar("refusals", default=None)


def watch_refusals() -> list[Failure]:
    """Return a list that gets a failure for each socket refused in this task and in tasks that it starts."""
    refusals: list[Failure] = []
    _refusals.set(refusals)
    return refusals


def note_refusal(failure: Failure) -> None:
    """Tell the watcher, if there is one."""
    refusals = _refusals.get()
    if refusals is not None:
        refusals.append(failure)
