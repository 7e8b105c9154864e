"""Groups that a destination of before left, told from those of other deployments by their commits."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.settings import NOTHING
from worker import former_destinations
from worker.adapters.kafka import KafkaUnavailable
from worker.adapters.kafka.config import Config
from worker.core.binding import Identity
from worker.settings import Deployment, load_all

TOML = '[destinations.a]\nurl = "https://a.example/p?c={click_id}"\n'


def told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    by: Identity | None,
    toml: str = TOML,
    group: str = "postback-worker.old",
) -> list[str]:
    """What is told where a group has committed, signed so; None where it may not be asked."""

    def has_read(config: Config, identity: Identity) -> bool:
        if by is None:
            raise KafkaUnavailable("not authorized")
        return by == identity and config["group.id"] == group

    monkeypatch.setattr(former_destinations, "has_read", has_read)
    path = tmp_path / "worker.toml"
    path.write_text(toml)
    deployment = load_all(config=path, environ={}, dotenv=NOTHING)
    topics = {f"postback-worker.{name}.control" for name in ("a", "old", "x.y")}
    return former_destinations.former_lines(deployment, {"conversions", "postback-worker.control", *topics})


def test_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group that read our source for a destination that is not configured is named."""
    (line,) = told(tmp_path, monkeypatch, Identity("conversions", "old"))
    assert line.startswith("old is no destination any more")
    assert "GROUP_ID should be postback-worker.old" in line


@pytest.mark.parametrize("by", [Identity("conversions", "other"), Identity("leads", "old"), None])
def test_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: Identity | None) -> None:
    """One that another deployment signed, or that this user may not ask about, is not."""
    assert told(tmp_path, monkeypatch, by) == []


def test_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that a destination of today has as its own is not."""
    toml = f'{TOML}group_id = "postback-worker.old"\n'
    assert told(tmp_path, monkeypatch, Identity("conversions", "old"), toml) == []


def test_the_only_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The only destination of before, with the name that it had by default, is named like another."""
    (line,) = told(tmp_path, monkeypatch, Identity("conversions", "momentscience"), group="postback-worker")
    assert "momentscience is no destination any more" in line
    assert "GROUP_ID should be postback-worker," in line


async def test_asked_until_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that hears nothing of Kafka when it looks tells of what waits as soon as it is answered.

    It logs in as its other clients do by then.
    """
    silences = [KafkaUnavailable("no answer"), KafkaUnavailable("no answer")]
    logins: list[object] = []

    def unsent_lines(asked: Deployment) -> list[str]:
        logins.append(asked.common.kafka.properties.get("client.rack"))
        if silences:
            raise silences.pop()
        return ["old is none any more"]

    monkeypatch.setattr(former_destinations, "unsent_lines", unsent_lines)
    monkeypatch.setattr(former_destinations, "LOOK_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(former_destinations, "AGAIN_AFTER_SECONDS", 0.0)
    path = tmp_path / "worker.toml"
    path.write_text(TOML)
    told: list[str] = []
    deployment = load_all(config=path, environ={}, dotenv=NOTHING)
    racks = iter(("a", "b", "c"))

    def present() -> Deployment:
        return deployment.with_properties({"client.rack": next(racks)})

    await asyncio.wait_for(former_destinations.tell_unsent(present, told.append), timeout=10)
    assert told == ["old is none any more"]
    assert logins == ["a", "b", "c"]
