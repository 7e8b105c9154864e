"""Several observers as one."""

from __future__ import annotations

from tests.adapters.happenings import DELIVERED, tell_everything
from worker.adapters.observers import Observers
from worker.core.endings import Delivered
from worker.ports import Observer


class Listener(Observer):
    """Notes into a common list what it hears, under its own name."""

    def __init__(self, name: str, heard: list[tuple[str, object]]) -> None:
        self._name, self._heard = name, heard

    def delivered(self, ending: Delivered, now: float) -> None:
        self._heard.append((self._name, ending))


class Other(Listener):
    """Hears of trouble too."""

    def trouble(self, message: str) -> None:
        self._heard.append((self._name, message))


def test_each_hears_in_order() -> None:
    """Each observer hears of what it listens to, in the order in which they were given."""
    heard: list[tuple[str, object]] = []
    tell_everything(Observers(Listener("a", heard), Other("b", heard), Observer()))
    assert heard == [("a", DELIVERED), ("b", DELIVERED), ("b", "broker away")]


def test_nobody() -> None:
    """Without observers everything may happen all the same."""
    tell_everything(Observers())
