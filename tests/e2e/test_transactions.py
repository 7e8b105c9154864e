"""A producer that writes in transactions: what takes offsets and is no record."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.events import value
from tests.e2e.program import Program, call, settings
from tests.e2e.tracker import Tracker
from tests.support.kafka import Names, committed, create_topics, wait_until
from tests.support.transactions import transactions

pytestmark = [pytest.mark.kafka, pytest.mark.process]


def test_no_lag_is_left(kafka: str, names: Names, tmp_path: Path) -> None:
    """When all records of three transactions are delivered no lag is left for their markers."""
    create_topics(kafka, {names.topic: 1})
    with Tracker() as tracker:
        env = settings(kafka, names, tracker)
        assert call("topics", "create", env=env, at=tmp_path).returncode == 0
        with Program(env, tmp_path) as program, transactions(kafka, names.topic) as write:
            program.ready()
            for number in range(3):
                write(*(value(f"e-{number}-{n}", f"c-{number}-{n}").decode() for n in range(2)))
            tracker.asked(6)
            wait_until("all committed", lambda: committed(kafka, names.group, names.topic)[0].offset == 9)
            wait_until("no lag", lambda: program.metric("postback_consumer_lag") == 0.0)
        assert set(tracker.clicks.values()) == {1}
