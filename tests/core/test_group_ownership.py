"""Whose a group is, by what it committed and by what its tiers hold."""

from __future__ import annotations

import pytest

from schemas import WorkerHeaders
from worker.core.binding import Binding, Identity, LogId
from worker.core.group_ownership import (
    WAYS_OUT,
    Commit,
    belongs_line,
    describe,
    is_of_another_source,
    is_signed,
    stranger,
    unread_line,
)
from worker.core.offset_map import encode
from worker.core.record import Partition, Record

OURS = Identity("conversions", "momentscience")
OTHER = Identity("leads", "momentscience")


def commit(identity: Identity | None) -> Commit:
    """A commit that a deployment made."""
    return Commit("a-topic", encode(7, None, Binding(LogId("c", "t"), identity)))


def test_ours() -> None:
    """What we committed, what nobody signed and what is no map of ours is nobody else's."""
    commits = [commit(OURS), commit(None), Commit("a-topic", ""), Commit("a-topic", "2nonsense")]
    assert stranger(OURS, commits, [OTHER]) is None


def test_another() -> None:
    """A commit of another deployment is found among ours, and named where its name is known."""
    commits = [commit(OURS), commit(OTHER)]
    assert stranger(OURS, commits, [OTHER]) == "the deployment that reads leads and sends to momentscience"
    assert stranger(OURS, commits, []) == "another deployment"


@pytest.mark.parametrize(("of", "is_ours"), [(OURS, True), (OTHER, False), (None, False)])
def test_signed(of: Identity | None, is_ours: bool) -> None:
    """Only what this very deployment signed is certainly its own."""
    assert is_signed(OURS, [Commit("a-topic", ""), commit(of)]) is is_ours


@pytest.mark.parametrize(
    ("origin", "is_another"),
    [
        (None, False),
        ("conversions/0/7", False),
        ("leads/0/7", True),
        ("conversions-2/0/7", True),
        ("x", True),
        ("ours.retry.10s/0/3", False),
        ("ours.retry.5m/0/3", False),
        ("others.retry.10s/0/3", True),
        ("ours.dlq/0/3", True),
    ],
)
def test_origin(origin: str | None, is_another: bool) -> None:
    """A tier's record is of another source where its origin names another topic, but one of our tiers.

    Without an origin it is ours, and our tier is its origin once it has been tried.
    """
    record = Record(Partition("ours.retry.10s", 0), 9, None, b"", (), 0.0)
    assert is_of_another_source(OURS, record, WorkerHeaders(origin=origin)) is is_another


def test_lines() -> None:
    """What is told of a group that is another's names both deployments, the ways out, and what is unread."""
    assert describe(OURS) in belongs_line("g", "the other", OURS)
    assert WAYS_OUT in belongs_line("g", "the other", OURS)
    assert unread_line("g", "leads", 7, OURS).startswith("7 records of leads are not read yet by the group g")
