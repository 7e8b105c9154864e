"""A look at more destinations than are looked at at a time."""

from __future__ import annotations

import time

import pytest

from worker.ops import status
from worker.ops.errors import BrokerUnavailable, CannotDo
from worker.ops.reading import DESTINATIONS_AT_A_TIME
from worker.ops.status import DestinationWatcher, Status, Watcher
from worker.settings import Deployment, Settings

MANY = 3 * DESTINATIONS_AT_A_TIME


@pytest.mark.parametrize(("silent", "asked"), [(0.1, DESTINATIONS_AT_A_TIME), (60.0, MANY)])
def test_a_broker_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, silent: float, asked: int) -> None:
    """A broker that is silent is waited for once, not for one destination after another."""
    looks: list[DestinationWatcher] = []

    def look(one: DestinationWatcher) -> Status:
        looks.append(one)
        time.sleep(0.2)
        raise BrokerUnavailable(["no answer"])

    monkeypatch.setattr(DestinationWatcher, "look", look)
    monkeypatch.setattr(status, "SILENT_SECONDS", silent)
    deployment = Deployment.of(Settings())
    many = deployment._replace(destinations=deployment.destinations * MANY)
    with Watcher(many) as watcher, pytest.raises(CannotDo, match="no answer"):
        watcher.look()
    assert len(looks) == asked
