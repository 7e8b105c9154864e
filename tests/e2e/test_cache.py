"""A restart reads the journal's tail alone where its cache is there, and knows all copies where it is not."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Tracker
from tests.support.kafka import Names, Write, create_topics, produce, read_all, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.process]

EVENTS = 300
KNOWN = "what the journal tells is known"
NOT_BELIEVED = "what is cached of the journal is not believed"


class World:
    """A worker that was sent events and ended; what follows is a restart of it."""

    def __init__(self, kafka: str, names: Names, at: Path, tracker: Tracker) -> None:
        self.kafka, self.names, self.at, self.tracker = kafka, names, at, tracker
        create_topics(kafka, {names.topic: 2})
        self.env = settings(kafka, names, tracker, JOURNAL__CACHE_DIR=str(at / "cache"))
        assert call("topics", "create", env=self.env, at=at).returncode == 0
        self.folder = at / "cache" / names.group

    def publish(self, first: int = 0, end: int = EVENTS) -> None:
        """Publish events by number; a number always goes to the same partition."""
        writes = [Write(value(f"e-{n}", f"c-{n}"), partition=n % 2) for n in range(first, end)]
        produce(self.kafka, self.names.topic, writes)

    def ended(self) -> int:
        """How many steps lie in the journal."""
        return len(read_all(self.kafka, self.names.journal))

    def restart(self, steps: int) -> tuple[dict[str, Any], list[str]]:
        """Publish the same again to a worker that is started anew; what it said it knew, and its warnings.

        It ends once the journal has so many steps.
        """
        self.publish()
        with Program(self.env, self.at) as worker:
            known = worker.said(KNOWN)
            wait_until("all are copies", lambda: self.ended() == steps)
            assert worker.end() == 0
        assert set(self.tracker.clicks.values()) == {1}
        warnings = [line["event"] for line in worker.log if line["level"] == "warning"]
        return known, [line for line in warnings if "cache" in line]


def test_a_restart(kafka: str, names: Names, tmp_path: Path, tracker: Tracker) -> None:
    """A restart reads the tail alone; all are copies with the cache, without it, and with a spoilt one."""
    world = World(kafka, names, tmp_path, tracker)
    world.publish()
    with Program(world.env, tmp_path) as worker:
        wait_until("delivered", lambda: world.ended() == EVENTS)
        assert worker.said(KNOWN)["cached"] == 0
        assert worker.end() == 0
    assert (world.folder / "0.ids").stat().st_mode & 0o777 == 0o600

    known, warned = world.restart(2 * EVENTS)
    assert (known["cached"], known["remembered"], known["steps_read"]) == (EVENTS, EVENTS, 0)
    assert not warned

    file = bytearray((world.folder / "0.ids").read_bytes())
    file[len(file) // 2] ^= 1
    (world.folder / "0.ids").write_bytes(file)
    known, warned = world.restart(3 * EVENTS)
    assert (known["cached"], known["steps_read"]) == (0, 2 * EVENTS)
    assert [line.startswith(NOT_BELIEVED) for line in warned] == [True]

    for one in world.folder.iterdir():
        one.unlink()
    known, warned = world.restart(4 * EVENTS)
    assert (known["cached"], known["steps_read"]) == (0, 3 * EVENTS)
    assert not warned

    with Program(world.env, tmp_path) as worker:  # what another one reads meanwhile is read after a kill
        worker.ready()
        world.publish(EVENTS, EVENTS + 100)
        wait_until("delivered", lambda: world.ended() == 4 * EVENTS + 100)
        worker.send(signal.SIGKILL)
        worker.ended()
    known, warned = world.restart(5 * EVENTS + 100)
    assert known["steps_read"] == 100
    assert not warned


def test_no_folder(kafka: str, names: Names, tmp_path: Path, tracker: Tracker) -> None:
    """A folder that can't be used costs a warning and a longer start, and nothing else."""
    world = World(kafka, names, tmp_path, tracker)
    (tmp_path / "cache").write_text("a file")
    known, warned = world.restart(EVENTS)
    assert known["cached"] == 0
    assert warned[0].startswith(NOT_BELIEVED)
