"""The run that several tests look at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.tracker import Tracker
from tests.e2e.ways import Story, act, play
from tests.support.kafka import Names


@pytest.fixture(scope="package")
def story(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The one run."""
    with Tracker(act) as tracker:
        yield play(kafka, Names.fresh("ways"), tracker, tmp_path_factory.mktemp("ways"))
