"""Whoever looks at destinations again and again: with the same clients."""

from __future__ import annotations

from typing import Any

import pytest

from tests.console.topics import make_topics, settings_of
from tests.support.kafka import Names
from worker.adapters.kafka import group_members, group_state, topic_reader
from worker.core.flow_diagnosis import FlowVerdict
from worker.ops.status import Watcher
from worker.settings import Deployment

pytestmark = pytest.mark.kafka


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The settings of all clients that were made.

    A GroupMembers counts as one: it replaces its own client where a slow broker was silent.
    """
    seen: list[dict[str, Any]] = []

    def counted(real: Any) -> Any:
        def make(settings: dict[str, Any], *more: Any) -> Any:
            seen.append(settings)
            return real(settings, *more)

        return make

    for module, name in (
        (group_state, "Consumer"),
        (topic_reader, "Consumer"),
        (group_members, "GroupMembers"),
    ):
        monkeypatch.setattr(module, name, counted(getattr(module, name)))
    return seen


def test_clients_are_made_once(kafka: str, names: Names, made: list[dict[str, Any]]) -> None:
    """No look but the first makes a client, until they have to log in with something else."""
    make_topics(kafka, names)
    deployment = Deployment.of(settings_of(kafka, names))
    with Watcher(deployment) as watcher:
        watcher.look()
        first = len(made)
        assert first == 5  # the two groups, who is in them, the journal, the orders
        for _ in range(3):
            (seen,) = watcher.look().found
            assert seen.diagnosis.verdict is FlowVerdict.NO_WORKER
        assert len(made) == first
        watcher.renew(deployment.with_properties({"client.rack": "another"}))
        watcher.look()
        watcher.look()
    assert len(made) == 2 * first
    assert ["client.rack" in one for one in made] == [False] * first + [True] * first
