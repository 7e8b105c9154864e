"""Combines several observers into one.

The rule: an observer that does not listen to an event costs nothing there; a single listener is called
directly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from worker.ports import Observer

_EVENTS = tuple(name for name in vars(Observer) if not name.startswith("_"))


class Observers(Observer):
    """Passes each event on to those observers that listen to it, in order."""

    def __init__(self, *observers: Observer) -> None:
        for event in _EVENTS:
            deaf = getattr(Observer, event)
            listeners = [getattr(one, event) for one in observers if getattr(type(one), event) is not deaf]
            if listeners:
                setattr(self, event, listeners[0] if len(listeners) == 1 else _to_all(listeners))


def _to_all(listeners: list[Callable[..., None]]) -> Callable[..., None]:
    def tell(*arguments: Any) -> None:
        for listener in listeners:
            listener(*arguments)

    return tell
