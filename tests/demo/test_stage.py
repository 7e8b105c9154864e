"""The settings of the demonstration's worker."""

from __future__ import annotations

import tempfile

import pytest

from worker.demo.demonstration import PATIENCE_TURNS, TURN_SECONDS
from worker.demo.events import FALLBACK, OTHER
from worker.demo.stage import deployment_of


def test_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's own settings have no part in it; each destination speaks to its own network."""
    monkeypatch.setenv("POSTBACK_DESTINATION__SIMPLE_URL", "http://user.example/?c={click_id}")
    monkeypatch.setenv("POSTBACK_KAFKA__TOPIC", "orders")
    deployment = deployment_of("127.0.0.1:9", {FALLBACK: 1001, OTHER: 1002})
    assert deployment.names == [FALLBACK, OTHER]
    assert deployment.common.kafka.topic == "conversions"
    fallback, other = (one.destination for one in deployment.destinations)
    assert ":1001/" in f"{fallback.simple_url}"
    assert ":1001/" in f"{fallback.event_url}"
    assert ":1002/" in f"{other.url}"


def test_nothing_need_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is set up where the process may write nothing at all, as in a container with a read-only root."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr("tempfile._candidate_tempdir_list", lambda: ["/proc"])
    assert deployment_of("127.0.0.1:9", {FALLBACK: 1001, OTHER: 1002}).names == [FALLBACK, OTHER]


def test_a_join_without_an_answer() -> None:
    """A member that is forgotten while it joins asks anew long before the demonstration is given up."""
    kafka = deployment_of("127.0.0.1:9", {FALLBACK: 1001, OTHER: 1002}).common.kafka
    assert kafka.max_poll_interval < PATIENCE_TURNS * TURN_SECONDS / 2
