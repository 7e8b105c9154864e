"""What several files of tests look at: one run, one secured broker, a partner."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.tracker import Tracker
from tests.e2e.ways import Story, act, play
from tests.support.kafka import Names
from tests.support.needed import needs_kafka
from tests.support.secured import Secured, secured_broker


@pytest.fixture(scope="package")
def story(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The one run."""
    with Tracker(act) as tracker:
        yield play(kafka, Names.fresh("ways"), tracker, tmp_path_factory.mktemp("ways"))


@pytest.fixture(scope="package")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A broker with TLS, logins and rights."""
    with needs_kafka(), secured_broker(tmp_path_factory.mktemp("secured")) as broker:
        yield broker


@pytest.fixture
def tracker() -> Iterator[Tracker]:
    """A partner that takes everything."""
    with Tracker() as tracker:
        yield tracker
