"""Whose a group is, by what it committed and by what its tiers hold."""

from __future__ import annotations

import pytest

from worker.core.binding import Binding, Identity, LogId
from worker.core.group_ownership import Commit, is_of_another_source, stranger
from worker.core.offset_map import encode

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


@pytest.mark.parametrize(
    ("origin", "is_another"),
    [
        (None, False),
        ("conversions/0/7", False),
        ("leads/0/7", True),
        ("conversions-2/0/7", True),
        ("x", True),
    ],
)
def test_origin(origin: str | None, is_another: bool) -> None:
    """A tier's record is of another source where its origin names another topic; without one it is ours."""
    assert is_of_another_source(OURS, origin) is is_another
