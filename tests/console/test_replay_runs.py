"""The replays that a console sends: they end with it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NoReturn

import pytest

from tests.console.topics import Destination
from tests.support.kafka import Names, wait_until
from tests.support.ports import HOST
from worker.console import replay_runs
from worker.console.replay_runs import STOPPED, Run, Runs
from worker.ops.errors import CannotDo
from worker.ops.filters import Filters
from worker.ops.hearing import Hearing
from worker.ops.replaying import ReplayRequest
from worker.settings import Deployment, Settings


class _NeverReady:
    """A replay whose preparation waits for a broker that does not answer."""

    waits = 0

    def __init__(self, _of: Deployment, _at: Settings, _reader: object, hearing: Hearing) -> None:
        self._hearing = hearing

    def ready(self, _asked: ReplayRequest, _now: float) -> NoReturn:
        """Wait, and say so, for ever."""
        while True:
            type(self).waits += 1
            self._hearing.waits("no records come")
            time.sleep(0.01)


@contextmanager
def _no_reader(_settings: Settings) -> Iterator[None]:
    yield


def test_closed_while_one_begins(monkeypatch: pytest.MonkeyPatch, names: Names) -> None:
    """A console that closes interrupts a replay that has not begun to send, and whoever asked hears why."""
    monkeypatch.setattr(replay_runs, "dlq_reader", _no_reader)
    monkeypatch.setattr(replay_runs, "Replaying", _NeverReady)
    here = Destination(f"{HOST}:1", names).settings
    run = Run(Deployment.of(here), here, ReplayRequest(Filters(), 0, False, None, "{}"))
    runs = Runs()
    with ThreadPoolExecutor(1) as executor:
        asked = executor.submit(runs.start, here.destination.name, run)
        wait_until("it waits", lambda: _NeverReady.waits > 0)
        runs.close()
        with pytest.raises(CannotDo, match=STOPPED):
            asked.result(5.0)
    assert not run.is_running
